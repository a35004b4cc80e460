/** The first restart is at once: one crash costs the tenant as little as possible. */
const FIRST_RESTART_DELAY_MS = 0;
const SECOND_RESTART_DELAY_MS = 250;
export const LONGEST_RESTART_DELAY_MS = 10_000;

/** A process that lived this long was well: its next death counts as the first again. */
export const STABLE_AFTER_MS = 30_000;

/** How long to wait before restart number `attempt` (from 1) in a row. */
export function restartDelayMs(attempt: number): number {
  if (attempt <= 1) return FIRST_RESTART_DELAY_MS;
  return Math.min(LONGEST_RESTART_DELAY_MS, SECOND_RESTART_DELAY_MS * 2 ** Math.min(attempt - 2, 30));
}
