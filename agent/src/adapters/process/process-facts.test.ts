import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import { NodeProcessFacts } from "./process-facts.ts";

function facts(everyMs?: number): NodeProcessFacts {
  const made = new NodeProcessFacts(everyMs);
  onTestFinished(() => made.stop());
  return made;
}

test("the figures are those of a running process", () => {
  const read = facts().read();
  expect(read.cpuSeconds).toBeGreaterThan(0);
  expect(read.residentBytes).toBeGreaterThan(10e6);
  expect(read.heapUsedBytes).toBeGreaterThan(1e6);
  expect(read.externalBytes).toBeGreaterThan(0);
  expect(read.eventLoopDelaySeconds).toEqual({ worst: 0, mean: 0 });
});

test("a blocked event loop shows as late timers, once", async () => {
  const process = facts(5);
  const untilMs = performance.now() + 80;
  while (performance.now() < untilMs); // what must not happen
  const { worst, mean } = await waitFor("a late timer", () => {
    const delay = process.read().eventLoopDelaySeconds;
    return delay.worst > 0.05 ? delay : undefined;
  });
  expect(mean).toBeGreaterThan(0);
  expect(mean).toBeLessThanOrEqual(worst);
  process.stop();
  process.read();
  expect(process.read().eventLoopDelaySeconds).toEqual({ worst: 0, mean: 0 });
});
