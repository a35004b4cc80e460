import { expect, test } from "vitest";
import { Fatal, until } from "./deadline.ts";

const signal = new AbortController().signal;

test("a deadline that passes says what was waited for and what was seen last", async () => {
  const waiting = until("the sun", { seconds: 0.02, signal, everyMs: 5, describe: () => "clouds" }, () => undefined);
  await expect(waiting).rejects.toThrow("the sun: not within 0.02 s (last seen: clouds)");
});

test("an error counts as not yet, and is told at the deadline", async () => {
  const waiting = until("the sun", { seconds: 0.02, signal, everyMs: 5 }, () => Promise.reject(new Error("fog")));
  await expect(waiting).rejects.toThrow("last seen: fog");
});

test("what cannot heal ends the wait at once", async () => {
  const waiting = until("the sun", { seconds: 60, signal }, () => Promise.reject(new Fatal("night")));
  await expect(waiting).rejects.toThrow("night");
});

test("whoever waits can be stopped", async () => {
  const stop = new AbortController();
  setImmediate(() => stop.abort(new Error("enough")));
  await expect(until("the sun", { seconds: 60, signal: stop.signal }, () => undefined)).rejects.toThrow();
});

test("the first answer is given", async () => {
  let asked = 0;
  expect(await until("three", { seconds: 5, signal, everyMs: 1 }, () => (++asked === 3 ? asked : undefined))).toBe(3);
});
