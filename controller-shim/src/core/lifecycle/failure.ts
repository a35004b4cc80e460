import { AgentCallFailed } from "../drivers/agent-client.ts";
import { DriverError } from "../drivers/driver-error.ts";

const TEXT_MAX_CHARACTERS = 2_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 10_000;
/** Counted before each attempt, so that a load balancer that kills the shim is given up as well. */
export const ATTEMPTS_MAX = 80;

/** What trying again cannot change: refused by a driver, or by haproxy (the agent answers 400 with its words). */
export function isPermanent(error: unknown): boolean {
  if (error instanceof DriverError) return error.kind !== "other";
  return error instanceof AgentCallFailed && error.status === 400;
}

/** For people: the API's user reads it as the load balancer's error. */
export function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > TEXT_MAX_CHARACTERS ? `${text.slice(0, TEXT_MAX_CHARACTERS)}...` : text;
}

/** Exponential, bounded; spread by `random` (0 to 1) so that many failures do not return in step. */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(full * (0.75 + random * 0.25));
}

/** How long a failed one has to wait still. No backoff is this long: then the clock was put back, and nobody waits for it. */
export function restOfBackoffMs(nextAttemptAtMs: number, nowMs: number): number {
  const restMs = nextAttemptAtMs - nowMs;
  return restMs > BACKOFF_LAST_MS ? 0 : Math.max(0, restMs);
}
