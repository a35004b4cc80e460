import { expect, test } from "vitest";
import { FakeClock } from "../../testing/fake-clock.ts";
import { BoundedEventLog } from "./event-log.ts";

test("a reader resumes after the last event it saw", () => {
  const events = new BoundedEventLog(new FakeClock());
  events.publish({ name: "amphora.booted", text: "one" });
  events.publish({ name: "amphora.lost", text: "two" });
  expect(events.since(1).map((event) => event.text)).toEqual(["two"]);
  expect(events.since(2)).toEqual([]);
});

test("the ring forgets the oldest and keeps counting", () => {
  const events = new BoundedEventLog(new FakeClock(), 3);
  for (let n = 1; n <= 20; n++) events.publish({ name: "amphora.booted", text: String(n) });
  expect(events.since(0).map((event) => event.sequence)).toEqual([18, 19, 20]);
});
