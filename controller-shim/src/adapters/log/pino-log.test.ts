import { expect, test } from "vitest";
import { pinoLog } from "./pino-log.ts";

test("secrets do not reach the log, wherever they are handed in", () => {
  const lines: string[] = [];
  const log = pinoLog("debug", { write: (line) => void lines.push(line) });
  log.info({ event: "x.y", heartbeatKey: "s3cret", amphora: { privateKeyPem: "s3cret", id: "a" } }, "one");
  log.warn({ event: "x.y", settings: { heartbeatKey: "s3cret" }, token: "s3cret", bootFiles: ["s3cret"] }, "two");
  expect(lines).toHaveLength(2);
  expect(lines.join()).not.toContain("s3cret");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: "x.y", msg: "one", amphora: { id: "a" } });
});

test("what is below the level is not written", () => {
  const lines: string[] = [];
  pinoLog("warn", { write: (line) => void lines.push(line) }).info({ event: "x.y" }, "quiet");
  expect(lines).toEqual([]);
});
