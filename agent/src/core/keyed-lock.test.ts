import { expect, test } from "vitest";
import { KeyedLock } from "./keyed-lock.ts";

const never = new AbortController().signal;

test("a full queue is refused, and drains", async () => {
  const lock = new KeyedLock();
  const gate = Promise.withResolvers<void>();
  const waiting = Array.from({ length: 65 }, () => lock.hold("a", never, () => gate.promise));
  await expect(lock.hold("a", never, async () => undefined)).rejects.toMatchObject({ code: "busy" });
  gate.resolve();
  await Promise.all(waiting);
  expect(await lock.hold("a", never, async () => 1)).toBe(1);
});

test("who gives up waiting does not run, and does not hold up the next", async () => {
  const lock = new KeyedLock();
  const gate = Promise.withResolvers<void>();
  const first = lock.hold("a", never, () => gate.promise);
  const impatient = new AbortController();
  let ran = false;
  const second = lock.hold("a", impatient.signal, async () => {
    ran = true;
  });
  const third = lock.hold("a", never, async () => 3);
  impatient.abort();
  await expect(second).rejects.toMatchObject({ code: "busy" });
  gate.resolve();
  await first;
  expect(await third).toBe(3);
  expect(ran).toBe(false);
});

test("work of one key is in order, another key does not wait, a failure does not stick", async () => {
  const lock = new KeyedLock();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = lock.hold("a", never, async () => {
    await gate.promise;
    order.push("a1");
    throw new Error("no");
  });
  const second = lock.hold("a", never, async () => void order.push("a2"));
  await lock.hold("b", never, async () => void order.push("b"));
  gate.resolve();
  await expect(first).rejects.toThrow("no");
  await second;
  expect(order).toEqual(["b", "a1", "a2"]);
});
