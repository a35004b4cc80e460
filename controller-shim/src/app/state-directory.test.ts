import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { identify } from "./processes.ts";
import { CannotStart, heartbeatKeyIn, lockStateDirectory } from "./state-directory.ts";

test("a folder that cannot be made is one clear line", async () => {
  const file = join(await temporaryDirectory(), "file");
  writeFileSync(file, "");
  expect(() => lockStateDirectory(join(file, "state"))).toThrow(CannotStart);
  expect(() => lockStateDirectory(join(file, "state"))).toThrow(/^the state folder .* cannot be used: /);
});

test("a folder on a file system that makes none is refused at once", () => {
  expect(() => lockStateDirectory("/proc/krater/state")).toThrow(/^the state folder .* cannot be used: /);
});

test("a folder somebody alive uses is refused with the pid", async () => {
  const folder = await temporaryDirectory();
  const release = lockStateDirectory(folder);
  expect(() => lockStateDirectory(folder)).toThrow(`another shim (pid ${process.pid}) uses the state folder ${folder}`);
  release();
  lockStateDirectory(folder)();
  expect(readdirSync(folder)).toEqual([]);
});

test.for([
  { name: "of a process that has ended", lock: () => JSON.stringify({ pid: 2 ** 22 - 1, startTime: "1" }) },
  { name: "of an earlier process with this pid", lock: () => JSON.stringify({ pid: process.pid, startTime: "1" }) },
  { name: "that a crash left empty", lock: () => "" },
  { name: "that is not ours to read", lock: () => '{"pid":"x"}' },
])("a lock $name is taken over", async ({ lock }) => {
  const folder = await temporaryDirectory();
  writeFileSync(join(folder, "shim.lock"), lock());
  const release = lockStateDirectory(folder);
  expect(JSON.parse(readFileSync(join(folder, "shim.lock"), "utf8"))).toEqual(identify(process.pid));
  release();
});

test("letting go does not take away the lock of a successor", async () => {
  const folder = await temporaryDirectory();
  const release = lockStateDirectory(folder);
  writeFileSync(join(folder, "shim.lock"), JSON.stringify({ pid: 1, startTime: "2" }));
  release();
  expect(readdirSync(folder)).toEqual(["shim.lock"]);
});

test("the heartbeat key is made once, and for its owner's eyes", async () => {
  const folder = await temporaryDirectory();
  const key = heartbeatKeyIn(folder);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(heartbeatKeyIn(folder)).toBe(key);
  expect(statSync(join(folder, "heartbeat.key")).mode & 0o777).toBe(0o600);
  expect(heartbeatKeyIn(await temporaryDirectory())).not.toBe(key);
});

test("a damaged key is told without its content", async () => {
  const folder = await temporaryDirectory();
  writeFileSync(join(folder, "heartbeat.key"), "half a key");
  expect(() => heartbeatKeyIn(folder)).toThrow(/heartbeat\.key holds no heartbeat key/);
  expect(() => heartbeatKeyIn(folder)).not.toThrow(/half a key/);
});
