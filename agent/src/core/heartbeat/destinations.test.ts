import { expect, test } from "vitest";
import { RoundRobin } from "./destinations.ts";

const list = (...hosts: string[]) => hosts.map((host) => ({ host, port: 5555 }));

test("an empty list has no next", () => {
  expect(new RoundRobin().next([])).toBeUndefined();
});

test("every controller has its turn, in order, around and around", () => {
  const turns = new RoundRobin();
  const controllers = list("a", "b", "c");
  expect(Array.from({ length: 7 }, () => turns.next(controllers)?.host).join("")).toBe("abcabca");
});

test("a list that changes in between is continued, never left", () => {
  const turns = new RoundRobin();
  expect(turns.next(list("a", "b", "c"))?.host).toBe("a");
  expect(turns.next(list("a", "b", "c"))?.host).toBe("b");
  expect(turns.next(list("x"))?.host).toBe("x");
  expect(turns.next([])).toBeUndefined();
  expect(turns.next(list("y", "z"))?.host).toBe("z");
});
