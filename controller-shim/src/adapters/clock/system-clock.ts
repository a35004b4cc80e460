import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../core/clock.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
