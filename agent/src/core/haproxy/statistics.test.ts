import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import { parseStatistics } from "./statistics.ts";

const HEADER = "# pxname,svname,scur,stot,bin,bout,ereq,status,weight,desc,\n";
const table = (...rows: string[]): string => `${HEADER}${rows.map((row) => `${row}\n`).join("")}\n`;
const fixture = (name: string): string => readFileSync(join(sharedFixtures, "stats", name), "utf8");

test.for([
  { name: "an empty answer", text: "", why: /^no header/ },
  { name: "haproxy's words instead of a table", text: "Permission denied\n\n", why: /^no header: "Permission denied/ },
  { name: "a header that lost a column", text: "# pxname,svname,\n\n", why: /^no column scur/ },
  {
    name: "an answer that ends within a row",
    text: table("l1,FRONTEND,0,1,2,3,4,OPEN,,,").slice(0, -8),
    why: /cut off/,
  },
  {
    name: "an answer that ends after a row",
    text: table("l1,FRONTEND,0,1,2,3,4,OPEN,,,").slice(0, -1),
    why: /cut off/,
  },
  { name: "a row with too few columns", text: table("l1,FRONTEND,0,1"), why: /^a row is too short/ },
  { name: "letters for a counter", text: table("l1,FRONTEND,0,x,2,3,4,OPEN,,,"), why: /^not a number/ },
  { name: "a negative counter", text: table("l1,FRONTEND,0,-1,2,3,4,OPEN,,,"), why: /^not a number/ },
  {
    name: "a counter beyond exact integers",
    text: table(`l1,FRONTEND,0,${"9".repeat(20)},2,3,4,OPEN,,,`),
    why: /^not a/,
  },
  { name: "servers whose backend row is lost", text: table("p1:l1,m1,0,0,0,0,,UP,1,,"), why: /^no BACKEND row/ },
  { name: "a second table behind the first", text: `${table()}${table()}`, why: /^rows after the end/ },
])("$name is refused", ({ text, why }) => {
  const result = parseStatistics(text);
  expect(result.ok ? "accepted" : result.why).toMatch(why);
});

test.for([
  { name: "UP with weight 0 is DRAIN", status: "UP", weight: "0", want: "DRAIN" },
  { name: "UP with weight stays UP", status: "UP", weight: "1", want: "UP" },
  { name: "going down with weight 0 stays verbatim", status: "UP 1/3", weight: "0", want: "UP 1/3" },
  { name: "no monitor with weight 0 stays verbatim", status: "no check", weight: "0", want: "no check" },
  { name: "DOWN with weight 0 stays DOWN", status: "DOWN", weight: "0", want: "DOWN" },
  { name: "coming up is verbatim", status: "DOWN 1/2", weight: "1", want: "DOWN 1/2" },
  { name: "disabled is MAINT", status: "MAINT", weight: "0", want: "MAINT" },
])("member: $name", ({ status, weight, want }) => {
  const result = parseStatistics(table(`p1:l1,m1,0,0,0,0,,${status},${weight},,`, "p1:l1,BACKEND,0,0,0,0,,UP,0,,"));
  expect(result.ok && result.value.backends.get("p1:l1")).toEqual({ status: "UP", members: { m1: want } });
});

test("columns are found by name, wherever a later haproxy puts them", () => {
  const text = "# weight,status,new,ereq,bout,bin,stot,scur,svname,pxname,\n,FULL,,5,4,3,2,1,FRONTEND,l1,\n\n";
  const result = parseStatistics(text);
  expect(result.ok && result.value.frontends.get("l1")).toEqual({
    status: "FULL",
    scur: 1,
    stot: 2,
    bin: 3,
    bout: 4,
    ereq: 5,
  });
});

test("a listener or member called __proto__ is one like any other", () => {
  const result = parseStatistics(
    table("__proto__,FRONTEND,0,1,2,3,4,OPEN,,,", "p1:l1,__proto__,0,0,0,0,,UP,1,,", "p1:l1,BACKEND,0,0,0,0,,UP,1,,"),
  );
  if (!result.ok) throw new Error(result.why);
  expect(result.value.frontends.get("__proto__")?.stot).toBe(1);
  expect(Object.entries(result.value.backends.get("p1:l1")?.members ?? {})).toEqual([["__proto__", "UP"]]);
});

test("an empty table is a haproxy without proxies", () => {
  expect(parseStatistics(table())).toEqual({ ok: true, value: { frontends: new Map(), backends: new Map() } });
});

testWithFixtures("statuses are those the reference derives from the same output", () => {
  const expected = JSON.parse(fixture("expected-pool-status.json")) as Record<
    string,
    { status: string; members: Record<string, string> }
  >;
  const result = parseStatistics(fixture("show-stat.csv"));
  if (!result.ok) throw new Error(result.why);
  expect(Object.fromEntries(result.value.backends)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([key, { status, members }]) => [key, { status, members }])),
  );
  expect([...result.value.frontends.keys()].sort()).toEqual([
    "11000001-0001-4000-8000-000000000001",
    "11000002-0002-4000-8000-000000000002",
    "11000003-0003-4000-8000-000000000003",
  ]);
  expect(result.value.frontends.get("11000001-0001-4000-8000-000000000001")).toEqual({
    status: "OPEN",
    bin: 303,
    bout: 546,
    stot: 3,
    ereq: 0,
    scur: 0,
  });
});

testWithFixtures("a table cut anywhere is refused, never half read", () => {
  const text = fixture("show-stat.csv");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length - 1 }), (length) => !parseStatistics(text.slice(0, length)).ok),
  );
});

test("garbage is refused or read, never thrown over", () => {
  const line = fc.array(fc.oneof(fc.string(), fc.constantFrom("FRONTEND", "BACKEND", "UP", "0", "prometheus")));
  fc.assert(
    fc.property(fc.array(line), (rows) => {
      const result = parseStatistics(table(...rows.map((row) => row.join(","))));
      return result.ok || result.why.length > 0;
    }),
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !parseStatistics(text).ok));
});
