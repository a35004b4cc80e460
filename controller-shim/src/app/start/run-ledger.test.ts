import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { identify } from "../processes.ts";
import { isRunning, RunLedger, readRunRecord, removeDeadDrafts } from "./run-ledger.ts";

const run = { instance: "t", runId: "an-id", apiUrl: "http://127.0.0.1:1" };

async function runFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "kt-"));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  return join(parent, "krater-t");
}

test.for([
  { name: "no folder", text: undefined },
  { name: "no ledger in it", text: null },
  { name: "an empty file", text: "" },
  { name: "half a file", text: '{"runId": "an-id", "proc' },
  { name: "another program's JSON", text: "[]" },
])("there is no record when there is $name", async ({ text }) => {
  const folder = await runFolder();
  if (text !== undefined) mkdirSync(folder);
  if (typeof text === "string") writeFileSync(join(folder, "run.json"), text);
  expect(readRunRecord(folder)).toBeUndefined();
});

test("a folder belongs to the first who claims it", async () => {
  const folder = await runFolder();
  expect(RunLedger.claim(folder, run)).toBeDefined();
  expect(RunLedger.claim(folder, { ...run, runId: "second" })).toBeUndefined();
  expect(readRunRecord(folder)?.runId).toBe("an-id");
  expect(readdirSync(join(folder, ".."))).toEqual(["krater-t"]);
});

test("what was started is on disk at once, what was stopped no longer", async () => {
  const folder = await runFolder();
  const ledger = RunLedger.claim(folder, run);
  ledger?.add("shim", process.pid);
  ledger?.add("ended already", 2 ** 22 + 1);
  expect(readRunRecord(folder)?.processes).toEqual([{ role: "shim", ...identify(process.pid) }]);
  ledger?.remove(process.pid);
  expect(readRunRecord(folder)?.processes).toEqual([]);
});

test("a run lives as long as its process, not as long as its pid", async () => {
  const folder = await runFolder();
  RunLedger.claim(folder, run);
  const record = readRunRecord(folder);
  if (!record) throw new Error("no record");
  expect(isRunning(record)).toBe(true);
  expect(isRunning({ ...record, owner: { ...record.owner, startTime: "1" } })).toBe(false);
});

test("drafts of dead runs are removed, those of the living stay", async () => {
  const folder = await runFolder();
  mkdirSync(`${folder}.new-${2 ** 22 + 1}`);
  mkdirSync(`${folder}.new-${process.pid}`);
  removeDeadDrafts(folder);
  expect(existsSync(`${folder}.new-${2 ** 22 + 1}`)).toBe(false);
  expect(existsSync(`${folder}.new-${process.pid}`)).toBe(true);
});
