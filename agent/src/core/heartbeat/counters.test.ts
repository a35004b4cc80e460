import fc from "fast-check";
import { expect, test } from "vitest";
import { type CounterStore, DeltaCounters } from "./counters.ts";

const frontend = (counters: Partial<Record<"bin" | "bout" | "stot" | "ereq" | "scur", number>>) => ({
  status: "OPEN",
  bin: 0,
  bout: 0,
  stot: 0,
  ereq: 0,
  scur: 0,
  ...counters,
});

class MemoryStore implements CounterStore {
  text: string | undefined;
  writes = 0;
  read = async (): Promise<string | undefined> => this.text;
  write = async (text: string): Promise<void> => {
    this.text = text;
    this.writes++;
  };
}

class BrokenStore extends MemoryStore {
  override write = (): Promise<void> => Promise.reject(new Error("disk full"));
}

test.for([
  { name: "a missing file", text: undefined },
  { name: "an empty file", text: "" },
  { name: "half a file", text: '{"l1":{"bin":5,"bout"' },
  { name: "a list", text: "[1,2]" },
  { name: "a number", text: "7" },
  { name: "null", text: "null" },
  { name: "an entry that is no object", text: '{"l1":null}' },
  { name: "an entry with a key missing", text: '{"l1":{"bin":5,"bout":5,"stot":5}}' },
  { name: "an entry with words for numbers", text: '{"l1":{"bin":"5","bout":5,"stot":5,"ereq":5}}' },
  { name: "an entry with negative numbers", text: '{"l1":{"bin":-5,"bout":5,"stot":5,"ereq":5}}' },
])("$name counts as empty", ({ text }) => {
  const counters = DeltaCounters.parse(text);
  expect(counters.advance("l1", frontend({ bin: 9, bout: 8, stot: 7, ereq: 6, scur: 5 }))).toEqual({
    rx: 9,
    tx: 8,
    totconns: 7,
    ereq: 6,
    conns: 5,
  });
});

test("the first report of a listener is everything it counted, the next one the difference", () => {
  const counters = DeltaCounters.parse(undefined);
  counters.advance("l1", frontend({ bin: 100, bout: 200, stot: 3, ereq: 1, scur: 2 }));
  expect(counters.advance("l1", frontend({ bin: 150, bout: 200, stot: 4, ereq: 1, scur: 9 }))).toEqual({
    rx: 50,
    tx: 0,
    totconns: 1,
    ereq: 0,
    conns: 9,
  });
});

test("a counter that went down was reset: all of it is new", () => {
  const counters = DeltaCounters.parse('{"l1":{"bin":1000,"bout":5,"ereq":0,"stot":50}}');
  expect(counters.advance("l1", frontend({ bin: 30, bout: 7, stot: 2 }))).toEqual({
    rx: 30,
    tx: 2,
    totconns: 2,
    ereq: 0,
    conns: 0,
  });
  expect(counters.advance("l1", frontend({ bin: 31, bout: 7, stot: 2 })).rx).toBe(1);
});

test("the differences add up to what was counted, whatever haproxy counts and however often it restarts", () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat({ max: 2 ** 40 }), { minLength: 1 }), { minLength: 1 }), (lives) => {
      // Each life of haproxy starts at zero and counts up. A reset hidden behind a larger count cannot be seen.
      const counters = DeltaCounters.parse(undefined);
      let reported = 0;
      let counted = 0;
      let last = 0;
      for (const increments of lives) {
        let bin = 0;
        for (const increment of increments) {
          bin += increment;
          const { rx } = counters.advance("l1", frontend({ bin }));
          expect(rx).toBe(bin < last ? bin : bin - last);
          reported += rx;
          last = bin;
        }
        counted += bin;
      }
      expect(reported).toBeLessThanOrEqual(counted);
    }),
  );
});

test("a restart of the agent does not count twice", async () => {
  const store = new MemoryStore();
  const before = DeltaCounters.parse(await store.read());
  before.advance("l1", frontend({ bin: 100, stot: 3 }));
  before.advance("__proto__", frontend({ bin: 5 }));
  await before.save(store);
  expect(JSON.parse(store.text ?? "")["l1"]).toEqual({ bin: 100, bout: 0, ereq: 0, stot: 3 });
  const after = DeltaCounters.parse(await store.read());
  expect(after.advance("l1", frontend({ bin: 101, stot: 3 }))).toMatchObject({ rx: 1, totconns: 0 });
  expect(after.advance("__proto__", frontend({ bin: 6 }))).toMatchObject({ rx: 1 });
});

test("what did not change is not written again; what could not be written is tried again", async () => {
  const store = new MemoryStore();
  const counters = DeltaCounters.parse(undefined);
  counters.advance("l1", frontend({ bin: 1 }));
  await expect(counters.save(new BrokenStore())).rejects.toThrow("full");
  await counters.save(store);
  counters.advance("l1", frontend({ bin: 1, scur: 4 }));
  await counters.save(store);
  expect(store.writes).toBe(1);
});
