import { setTimeout as sleep } from "node:timers/promises";

/**
 * Polls until `condition` gives something truthy and returns it. Fails after `timeoutMs` with what was waited for and
 * the last error seen, so that a red test says why.
 */
export async function waitFor<Value>(
  what: string,
  condition: () => Promise<Value> | Value,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<NonNullable<Value>> {
  const { timeoutMs = 10_000, everyMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  } while (performance.now() < deadline);
  throw new Error(
    `waited ${timeoutMs} ms for ${what}; last seen: ${last instanceof Error ? last.message : String(last)}`,
  );
}
