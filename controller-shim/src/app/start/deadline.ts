import { setTimeout as sleep } from "node:timers/promises";

class DeadlineMissed extends Error {
  constructor(what: string, seconds: number, last: string) {
    super(`${what}: not within ${seconds} s (last seen: ${last})`);
    this.name = "DeadlineMissed";
  }
}

/**
 * Asks again and again until the answer is something, and gives it. `look` returns undefined for "not yet"; what it
 * throws counts as not yet too and is told when the deadline passes. `describe` says what was seen last.
 */
export async function until<Value>(
  what: string,
  limits: { seconds: number; signal: AbortSignal; everyMs?: number; describe?: () => string },
  look: () => Promise<Value | undefined> | Value | undefined,
): Promise<Value> {
  const deadlineMs = performance.now() + limits.seconds * 1_000;
  let last = "nothing";
  while (true) {
    limits.signal.throwIfAborted();
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = limits.describe?.() ?? last;
    } catch (error) {
      if (error instanceof Fatal) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadlineMs) throw new DeadlineMissed(what, limits.seconds, last);
    await sleep(limits.everyMs ?? 50, undefined, { signal: limits.signal });
  }
}

/** Thrown inside `look` when waiting longer is of no use. */
export class Fatal extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Fatal";
  }
}
