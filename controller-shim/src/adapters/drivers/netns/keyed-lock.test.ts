import { expect, test } from "vitest";
import { KeyedLock } from "./keyed-lock.ts";

test("work on one key waits for its turn, also after a failure; other keys go on", async () => {
  const lock = new KeyedLock();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const all = Promise.allSettled([
    lock.run("a", async () => {
      await first.promise;
      order.push("a1");
      throw new Error("failed");
    }),
    lock.run("a", async () => void order.push("a2")),
    lock.run("b", async () => void order.push("b")).then(() => first.resolve()),
  ]);
  expect((await all).map((each) => each.status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(order).toEqual(["b", "a1", "a2"]);
});
