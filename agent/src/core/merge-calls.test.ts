import { expect, test } from "vitest";
import { mergeCalls } from "./merge-calls.ts";

test("a storm of calls is two runs, the second beginning after the last call", async () => {
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const call = mergeCalls(async () => {
    begun++;
    await gate.promise;
  });
  const first = call();
  await Promise.resolve();
  await Promise.resolve();
  const storm = Array.from({ length: 100 }, () => call());
  expect(begun).toBe(1);
  gate.resolve();
  await Promise.all([first, ...storm]);
  expect(begun).toBe(2);
});

test("a run that fails is told to who asked for it, and does not stick", async () => {
  let fail = true;
  const call = mergeCalls(async () => {
    if (fail) throw new Error("no");
  });
  await expect(call()).rejects.toThrow("no");
  fail = false;
  await call();
});
