import { expect, test } from "vitest";
import { FakeClock } from "../../testing/fake-clock.ts";
import { EventStream, type StreamItem } from "./event-stream.ts";

const withEvents = (count: number, capacity: number): EventStream => {
  const stream = new EventStream(new FakeClock(), capacity);
  for (let index = 1; index <= count; index++) stream.publish("heartbeat.withheld", { reason: `${index}` });
  return stream;
};

/** The next `count` items, as sequences and gaps. */
async function take(items: AsyncGenerator<StreamItem>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) {
    const { value } = await items.next();
    taken.push(value?.kind === "event" ? value.event.sequence : value);
  }
  return taken;
}

const forever = new AbortController().signal;

test.for([
  { name: "from the beginning", since: 0, want: [1, 2, 3] },
  { name: "after the first", since: 1, want: [2, 3] },
  { name: "a negative position is the beginning", since: -5, want: [1, 2, 3] },
])("a reader resumes $name", async ({ since, want }) => {
  expect(await take(withEvents(3, 10).follow(since, forever), want.length)).toEqual(want);
});

test("a position that is no longer kept is told as a gap, then the oldest follows", async () => {
  const items = withEvents(10, 4).follow(2, forever);
  expect(await take(items, 5)).toEqual([{ kind: "gap", missed: 4 }, 7, 8, 9, 10]);
});

test("a position of another run is told as a gap of unknown size", async () => {
  expect(await take(withEvents(3, 2).follow(500, forever), 3)).toEqual([{ kind: "gap", missed: null }, 2, 3]);
});

test("a slow reader costs no memory and learns how much it missed", async () => {
  const stream = withEvents(2, 4);
  const items = stream.follow(0, forever);
  expect(await take(items, 1)).toEqual([1]);
  for (let index = 0; index < 100; index++) stream.publish("heartbeat.withheld", { reason: "" });
  expect(stream.kept()).toEqual({ kept: 4, capacity: 4 });
  expect(await take(items, 2)).toEqual([{ kind: "gap", missed: 97 }, 99]);
});

test("a waiting reader gets the next event at once, and ends with its signal", async () => {
  const stream = withEvents(0, 4);
  const ending = new AbortController();
  const items = stream.follow(0, ending.signal);
  const next = items.next();
  stream.publish("haproxy.died", { loadBalancerId: "lb", pid: 1, reason: "killed" });
  expect(await next).toMatchObject({ value: { kind: "event", event: { sequence: 1, name: "haproxy.died" } } });
  const last = items.next();
  ending.abort();
  expect(await last).toEqual({ value: undefined, done: true });
});
