import { expect, test } from "vitest";
import { cut, plain, renderView, type ViewModel } from "./view.ts";

const member = (n: number, changes: Partial<ViewModel["members"][number]> = {}): ViewModel["members"][number] => ({
  name: `m${n}`,
  address: `198.18.18.20${n}:8080`,
  running: true,
  operatingStatus: "ONLINE",
  weight: 1,
  perSecond: 10,
  share: 0.5,
  ...changes,
});

const example: ViewModel = {
  runningForMs: 3_723_000,
  loadBalancer: { name: "demo", provisioningStatus: "ACTIVE", operatingStatus: "ONLINE" },
  vipUrl: "http://198.18.17.10/",
  apiUrl: "http://127.0.0.1:19876",
  amphorae: [{ id: "3f2a91bc-0000-4000-8000-000000000000", status: "ALLOCATED", address: "198.18.16.10" }],
  members: [member(1), member(2, { operatingStatus: "ERROR", running: false, share: 0 })],
  selected: 1,
  traffic: { perSecond: 19.96, failedRecently: 0, failed: 3, answered: 997, medianMs: 1.84 },
  events: Array.from({ length: 60 }, (_, n) => ({ atMs: 0, text: `event ${n + 1}` })),
  notice: "server of m2 stopped",
};
const show = (model: ViewModel, columns = 80, rows = 24) => renderView(model, { columns, rows }).map(plain);

test.for([
  { name: "80x24", columns: 80, rows: 24 },
  { name: "a very small terminal", columns: 20, rows: 5 },
  { name: "a terminal of one line", columns: 80, rows: 1 },
  { name: "a large terminal", columns: 200, rows: 70 },
])("$name is never exceeded", ({ columns, rows }) => {
  const nine = { ...example, members: Array.from({ length: 9 }, (_, n) => member(n + 1)) };
  for (const model of [example, nine]) {
    const lines = show(model, columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  }
});

test("at 80x24 everything one needs is there, uncut", () => {
  const text = show(example).join("\n");
  for (const words of [
    "http://198.18.17.10/",
    "clients -> VIP -> amphora 3f2a91bc -> 1 of 2 members",
    "20.0 requests/s   0 failed in 5 s, 3 of 1000 in all   median 1.8 ms",
    "01:02:03",
    "event 60",
    "server of m2 stopped",
    "1-9 choose  s stop  S start  a add  d drain/undrain  k kill amphora  q quit",
  ]) {
    expect(text).toContain(words);
  }
  expect(text).toMatch(/^ 1 {2}m1 .*running.*ONLINE.* 1 .* 50 % {2}█████·····$/m);
  expect(text).toMatch(/^>2 {2}m2 .*stopped.*ERROR.* 1 .* 0 % {2}··········$/m);
});

test("a terminal too low for the events shows none, and the keys stay", () => {
  const lines = show(example, 80, 12);
  expect(lines.join("\n")).not.toContain("event ");
  expect(lines.at(-2)).toBe(" server of m2 stopped");
  expect(lines.at(-1)).toContain("q quit");
});

test("the newest events are the ones that stay", () => {
  expect(show(example).join("\n")).not.toContain("event 1\n");
});

test("without an amphora and without answers it says so", () => {
  const text = show({
    ...example,
    amphorae: [],
    traffic: { perSecond: 0, failedRecently: 100, failed: 100, answered: 0, medianMs: undefined },
  }).join("\n");
  expect(text).toContain("amphora none yet");
  expect(text).toContain("100 failed in 5 s, 100 of 100 in all   median -");
});

test.for([
  { name: "nothing", line: "", want: "" },
  { name: "a plain line", line: "abcdef", want: "abc" },
  { name: "colours, which take no room", line: "\u001b[31mab\u001b[0mcd", want: "\u001b[31mab\u001b[0mc" },
  { name: "an escape sequence of a stranger, which is defused", line: "\u001b]0;x\u0007", want: "]0;" },
])("cut keeps three characters of $name", ({ line, want }) => {
  expect(cut(line, 3)).toBe(want);
});
