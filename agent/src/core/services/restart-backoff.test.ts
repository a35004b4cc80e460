import { expect, test } from "vitest";
import { LONGEST_RESTART_DELAY_MS, restartDelayMs, STABLE_AFTER_MS } from "./restart-backoff.ts";

test.for([
  { name: "the first restart is at once", attempt: 1, ms: 0 },
  { name: "the second waits a quarter of a second", attempt: 2, ms: 250 },
  { name: "then the wait doubles", attempt: 4, ms: 1_000 },
  { name: "and stops growing at ten seconds", attempt: 9, ms: 10_000 },
  { name: "a very long crash loop does not overflow", attempt: 5_000, ms: 10_000 },
])("$name", ({ attempt, ms }) => {
  expect(restartDelayMs(attempt)).toBe(ms);
});

test("a process in a crash loop is never taken for a stable one", () =>
  expect(STABLE_AFTER_MS).toBeGreaterThan(LONGEST_RESTART_DELAY_MS));
