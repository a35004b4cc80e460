import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { exampleConfiguration } from "../../testing/agent-configuration.ts";
import { createLog } from "./pino-log.ts";

async function logged(write: (log: ReturnType<typeof createLog>) => void): Promise<Record<string, unknown>[]> {
  const path = join(await temporaryDirectory(), "log");
  write(createLog("info", openSync(path, "w")));
  const lines = readFileSync(path, "utf8").trim();
  return lines === "" ? [] : lines.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a secret that comes by under its name does not reach the log", async () => {
  const secret = "s3cr3t-value";
  const lines = await logged((log) => {
    log.info({ event: "test.said", heartbeatKey: secret, options: { privateKey: secret, key: secret } }, "message");
    log.warn({ event: "test.said", ...exampleConfiguration({ healthManager: { heartbeatKey: secret } }) }, "whole");
  });
  expect(lines).toHaveLength(2);
  expect(JSON.stringify(lines)).not.toContain(secret);
  expect(lines[0]).toMatchObject({ heartbeatKey: "[secret]", options: { privateKey: "[secret]", key: "[secret]" } });
});

test("lines are JSON with level, time and event, written at once", async () => {
  const [line] = await logged((log) => log.error({ event: "test.failed", error: new Error("why") }, "message"));
  expect(line).toMatchObject({ level: "error", event: "test.failed", msg: "message", error: { message: "why" } });
  expect(line?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test("the level can change while running", async () => {
  const lines = await logged((log) => {
    log.debug({ event: "test.one" }, "not heard");
    log.setLevel("debug");
    log.debug({ event: "test.two" }, "heard");
  });
  expect(lines.map((line) => line["event"])).toEqual(["test.two"]);
});

/** A process that logs `lines` lines of 1 kB into its stdout, then says so on stderr, and goes on after a signal. */
function startLogging(lines: number) {
  const script = `
    import { createLog } from ${JSON.stringify(new URL("./pino-log.ts", import.meta.url).href)};
    const log = createLog("info");
    for (let line = 0; line < ${lines}; line++) log.info({ event: "test.said", line, fill: "x".repeat(1000) }, "said");
    process.on("SIGUSR2", () => {
      log.error({ event: "test.last" }, "last");
      setTimeout(() => process.exit(0), 500);
    });
    process.stderr.write("done");
    setTimeout(() => {}, 20_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("a reader that stops reading holds up nobody, and learns that lines are missing", async () => {
  const child = startLogging(2_000);
  await once(child.stderr, "data");
  let text = "";
  child.stdout.on("data", (data: Buffer) => {
    text += data;
    if (text.length > 250_000) child.kill("SIGUSR2");
  });
  await once(child, "close");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const dropped = lines.find(({ event }) => event === "log.dropped");
  expect(Number(dropped?.["count"]) + lines.filter(({ event }) => event === "test.said").length).toBe(2_000);
  expect(lines.at(-1)).toMatchObject({ event: "test.last" });
});

test("a reader that goes away ends nobody", async () => {
  const child = startLogging(10);
  child.stdout.destroy();
  await once(child.stderr, "data");
  child.kill("SIGUSR2");
  expect(await once(child, "exit")).toEqual([0, null]);
});
