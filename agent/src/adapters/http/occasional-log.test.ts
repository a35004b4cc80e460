import { expect, test } from "vitest";
import { FakeLog } from "../../testing/fake-log.ts";
import { OccasionalLog } from "./occasional-log.ts";

test("twenty lines in ten seconds are written, the next tells how many were not", () => {
  const log = new FakeLog();
  let nowMs = 0;
  const occasional = new OccasionalLog(log, () => nowMs);
  for (let count = 0; count < 100; count++) occasional.warn({ event: "connection.refused" }, "too many");
  expect(log.lines).toHaveLength(20);
  nowMs = 10_000;
  occasional.warn({ event: "access.denied" }, "no");
  occasional.warn({ event: "access.denied" }, "no");
  expect(log.lines.slice(20)).toEqual([
    { level: "warn", event: "access.denied", untold: 80, message: "no" },
    { level: "warn", event: "access.denied", message: "no" },
  ]);
});
