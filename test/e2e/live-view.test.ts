import { expect, test } from "vitest";
import { createTestMachine } from "../harness/main-job.ts";

test("on a terminal the keys drain, stop, start and add members, and q ends it all", async () => {
  const machine = await createTestMachine();
  const start = machine.launchOnTerminal("start.ts", ["--instance", machine.instance]);
  await start.says("2 of 2 members");
  start.type("d");
  await start.says("weight of m1 is 0");
  await start.says("DRAINING");
  start.type("d");
  await start.says("weight of m1 is 1");
  start.type("2s");
  await start.says("server of m2 stopped");
  await start.says("1 of 2 members");
  start.type("S");
  await start.says("server of m2 started");
  start.type("a");
  await start.says("member m3 added");
  await start.says("3 of 3 members");
  start.type("k");
  await start.says("watch it being repaired");
  start.type("q");
  expect((await start.ended()).code).toBe(0);
  expect(start.output()).toContain("\u001b[?1049l"); // the terminal is given back
  expect(machine.leftovers()).toEqual([]);
});
