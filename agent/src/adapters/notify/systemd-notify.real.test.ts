import { chmod, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { createNotifier } from "./systemd-notify.ts";

/** A `systemd-notify` that writes down what it was called with. */
async function withRecorder(): Promise<() => Promise<string[]>> {
  const folder = await temporaryDirectory();
  const program = join(folder, "systemd-notify");
  await writeFile(program, `#!/bin/sh\necho "$@" >> ${folder}/calls\n`);
  await chmod(program, 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${folder}${delimiter}${before}`;
  onTestFinished(() => {
    process.env["PATH"] = before;
  });
  return async () => (await readFile(join(folder, "calls"), "utf8").catch(() => "")).split("\n").filter(Boolean);
}

test("the service manager is told, never waiting for its barrier", async () => {
  const calls = await withRecorder();
  const notifier = createNotifier({ NOTIFY_SOCKET: "/run/notify" }, new FakeLog());
  for (const [state, want] of [
    ["ready", /^--no-block READY=1 MAINPID=\d+$/],
    ["reloading", /^--no-block RELOADING=1 MONOTONIC_USEC=\d+$/],
    ["stopping", /^--no-block STOPPING=1$/],
  ] as const) {
    const before = (await calls()).length;
    notifier.notify(state);
    const told = await waitFor(state, async () => (await calls())[before]);
    expect(told).toMatch(want);
  }
});

test("without a service manager nobody is told", async () => {
  const calls = await withRecorder();
  const log = new FakeLog();
  createNotifier({}, log).notify("ready");
  createNotifier({ NOTIFY_SOCKET: "/run/notify" }, log).notify("ready");
  await waitFor("the one that has a socket", async () => (await calls()).length > 0);
  expect(await calls()).toHaveLength(1);
  expect(log.lines).toEqual([]);
});
