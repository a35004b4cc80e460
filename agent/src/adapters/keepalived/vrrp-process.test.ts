import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { reasonToWithhold } from "../../core/heartbeat/vrrp-gate.ts";
import { KeepalivedVrrpProcess } from "./vrrp-process.ts";

const CONF = "octavia-keepalived.conf";
const PID = "octavia-keepalived.pid";
const notConfigured = { configured: false };

test.for([
  { name: "no vrrp folder", files: undefined, want: notConfigured, beats: true },
  { name: "a pid file without a configuration", files: { [PID]: "1\n" }, want: notConfigured, beats: true },
  { name: "a configuration without a pid file", files: { [CONF]: "" }, want: { pidFile: "missing" }, beats: false },
  { name: "an empty pid file", files: { [CONF]: "", [PID]: "" }, want: { pidFile: "unreadable" }, beats: false },
  {
    name: "words in the pid file",
    files: { [CONF]: "", [PID]: "1x\n" },
    want: { pidFile: "unreadable" },
    beats: false,
  },
  {
    name: "a path in the pid file",
    files: { [CONF]: "", [PID]: "../1" },
    want: { pidFile: "unreadable" },
    beats: false,
  },
  { name: "process 0", files: { [CONF]: "", [PID]: "0\n" }, want: { pidFile: "unreadable" }, beats: false },
  { name: "a dead process", files: { [CONF]: "", [PID]: "4194305\n" }, want: { alive: false }, beats: false },
  { name: "a living process", files: { [CONF]: "", [PID]: `${process.pid}\n` }, want: { alive: true }, beats: true },
])("with $name the amphora beats: $beats", async ({ files, want, beats }) => {
  const base = await temporaryDirectory();
  if (files) await mkdir(join(base, "vrrp"));
  for (const [name, text] of Object.entries(files ?? {})) await writeFile(join(base, "vrrp", name), text);
  const observed = await new KeepalivedVrrpProcess(base).observe();
  expect(observed).toMatchObject(want);
  expect(reasonToWithhold(observed) === undefined).toBe(beats);
});

test("a pid file that is a folder withholds", async () => {
  const base = await temporaryDirectory();
  await mkdir(join(base, "vrrp", PID), { recursive: true });
  await writeFile(join(base, "vrrp", CONF), "");
  expect(await new KeepalivedVrrpProcess(base).observe()).toEqual({ configured: true, pidFile: "unreadable" });
});
