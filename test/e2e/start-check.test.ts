import { expect, test } from "vitest";
import { createTestMachine } from "../harness/main-job.ts";

test("npm start -- --check proves what it promises within a minute and leaves the machine as it was", async () => {
  const machine = await createTestMachine();
  const startedMs = performance.now();
  const { code, output } = await machine.launch("start.ts", ["--check", "--instance", machine.instance]).ended(100_000);
  expect(output).toContain("What was proved");
  expect(code).toBe(0);
  for (const proof of [
    "both members answer through the VIP",
    "a stopped member leaves the rotation and returns",
    "an update through the API goes live",
    "a killed amphora is repaired",
    "traffic needs no shim, and a restarted shim takes over",
  ]) {
    expect(output).toContain(`proved: ${proof}`);
  }
  expect(performance.now() - startedMs).toBeLessThan(60_000);
  expect(machine.leftovers()).toEqual([]);
});
