import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import {
  endProcess,
  findProcesses,
  hasEnvironment,
  identify,
  isAlive,
  type ProcessIdentity,
  send,
} from "./processes.ts";

async function launch(
  script: string,
  environment: Record<string, string> = {},
): Promise<[ChildProcess, ProcessIdentity, string]> {
  const child = spawn("sh", ["-c", script], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...environment },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  const identity = identify(child.pid ?? 0);
  if (!identity) throw new Error("not started");
  return [child, identity, String(said).trim()];
}

test("there is no process with a pid beyond the largest", () => {
  expect(identify(2 ** 22 + 1)).toBeUndefined();
});

test("an ended child that nobody has waited for is not alive", async () => {
  const [, , zombie] = await launch("sh -c 'exit 0' & echo $!; exec sleep 30");
  await expect.poll(() => identify(Number(zombie))).toBeUndefined();
});

test("SIGTERM is enough for who listens", async () => {
  const [child, identity] = await launch("echo up; exec sleep 30");
  expect(isAlive(identity)).toBe(true);
  expect(await endProcess(identity)).toBe(true);
  expect(isAlive(identity)).toBe(false);
  expect(child.signalCode).toBe("SIGTERM");
});

test("who ignores SIGTERM gets SIGKILL", async () => {
  const [child, identity] = await launch("trap '' TERM; echo up; while :; do sleep 1; done");
  expect(await endProcess(identity, 50)).toBe(true);
  await expect.poll(() => child.signalCode).toBe("SIGKILL");
});

test("a pid that is somebody else's by now gets no signal", async () => {
  const [, identity] = await launch("echo up; exec sleep 30");
  const formerOwner = { ...identity, startTime: "1" };
  send(formerOwner, "SIGKILL");
  expect(await endProcess(formerOwner)).toBe(true);
  expect(isAlive(identity)).toBe(true);
});

test("processes are found by what they were started with, their children too", async () => {
  const mark = `MARK-${process.pid}`;
  const [parent] = await launch("sleep 30 & echo up; wait", { KRATER_TEST: mark });
  const found = findProcesses((pid) => hasEnvironment(pid, `KRATER_TEST=${mark}`));
  expect(found).toHaveLength(2);
  expect(found.map((each) => each.pid)).toContain(parent.pid);
  expect(findProcesses((pid) => hasEnvironment(pid, `KRATER_TEST=${mark.slice(0, -1)}`))).toEqual([]);
  await Promise.all(found.map((each) => endProcess(each, 0)));
});
