import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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
