import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import { type DerivationFacts, deriveRunningConfiguration, readCap } from "./derive-running-configuration.ts";

const plenty: DerivationFacts = { openFilesLimit: 2_600_000, maxconnOverLimit: "cap" };
const here: DerivationFacts = { openFilesLimit: 20_000, maxconnOverLimit: "cap" };

function derive(text: string, facts = plenty) {
  const derived = deriveRunningConfiguration(text, facts);
  if (!derived.ok) throw new Error(derived.reason);
  return derived;
}

describe("idle-close-on-response", () => {
  const option = "    option idle-close-on-response\n";
  test.for([
    { name: "an empty text stays empty", text: "", want: "" },
    { name: "a text without sections stays as it is", text: "# nothing\n\n", want: "# nothing\n\n" },
    { name: "a TCP frontend is left alone", text: "frontend f\n    mode tcp\n", want: "frontend f\n    mode tcp\n" },
    { name: "a frontend without a mode is TCP", text: "defaults\nfrontend f\n", want: "defaults\nfrontend f\n" },
    { name: "a backend is left alone", text: "backend b\n    mode http\n", want: "backend b\n    mode http\n" },
    {
      name: "an HTTP frontend gets it",
      text: "frontend f\n    mode http\n",
      want: `frontend f\n${option}    mode http\n`,
    },
    { name: "a listen section gets it", text: "listen l\n mode http\n", want: `listen l\n${option} mode http\n` },
    {
      name: "a frontend whose defaults say http gets it",
      text: "defaults\n    mode http\nfrontend f\n    bind :1\n",
      want: `defaults\n    mode http\nfrontend f\n${option}    bind :1\n`,
    },
    {
      name: "named defaults count for those who ask for them",
      text: "defaults a\n mode http\ndefaults b\n mode tcp\nfrontend f from a\n bind :1\nfrontend g\n bind :2\n",
      want: `defaults a\n mode http\ndefaults b\n mode tcp\nfrontend f from a\n${option} bind :1\nfrontend g\n bind :2\n`,
    },
    {
      name: "who has it does not get it twice",
      text: "frontend f\n mode http\n option idle-close-on-response\n",
      want: "frontend f\n mode http\n option idle-close-on-response\n",
    },
    {
      name: "who refuses it is obeyed",
      text: "frontend f\n mode http\n no option idle-close-on-response\n",
      want: "frontend f\n mode http\n no option idle-close-on-response\n",
    },
    {
      name: "who has it from the defaults does not get it twice",
      text: "defaults\n option idle-close-on-response\nfrontend f\n mode http\n",
      want: "defaults\n option idle-close-on-response\nfrontend f\n mode http\n",
    },
    {
      name: "defaults made from themselves end",
      text: "defaults a from a\nfrontend f from a\n mode http\n",
      want: `defaults a from a\nfrontend f from a\n${option} mode http\n`,
    },
    {
      name: "a quoted keyword and a comment are read as haproxy reads them",
      text: `"frontend" f # mode tcp\n  'mode' ht\\tp\n`,
      want: `"frontend" f # mode tcp\n${option}  'mode' ht\\tp\n`,
    },
  ])("$name", ({ text, want }) => {
    expect(derive(text).text).toBe(want);
  });
});

/** As haproxy 2.6 reads them: what it was asked to run with is what may be lowered. */
test.for([
  { name: "the first of two counts", global: "maxconn 100\n maxconn 60000", wanted: undefined },
  { name: "the first of two is lowered", global: "maxconn 60000\n maxconn 100", wanted: 60_000 },
  { name: "so it is with two sections", global: "maxconn 60000\nglobal\n maxconn 70000", wanted: 60_000 },
  { name: "6e4 is 6", global: "maxconn 6e4", wanted: undefined },
  { name: "0x10000 is 0", global: "maxconn 0x10000", wanted: undefined },
  { name: "digits before letters count", global: "maxconn 60000abc", wanted: 60_000 },
  { name: "so do they before a point", global: "maxconn 60000.5", wanted: 60_000 },
  { name: "a negative number is not ours to mend", global: "maxconn -60000", wanted: undefined },
  { name: "a form feed and a vertical tab are blanks", global: "\fmaxconn\v60000", wanted: 60_000 },
  { name: "so they are beside quotes", global: '\f"maxconn"\v60000', wanted: 60_000 },
])("maxconn as haproxy reads it: $name", ({ global, wanted }) => {
  const derived = deriveRunningConfiguration(`global\n ${global}\n`, here);
  const caps = derived.ok ? derived.changes.filter((change) => change.what === "maxconn-capped") : [];
  expect(caps.map((cap) => cap.wanted)).toEqual(wanted === undefined ? [] : [wanted]);
});

describe("maxconn", () => {
  const global = (maxconn: string, rest = "") => `global\n    maxconn ${maxconn}\n${rest}`;
  test.for([
    { name: "none given: haproxy computes its own", text: "global\n    daemon\n", want: undefined },
    { name: "not a number: haproxy's to refuse", text: global("many"), want: undefined },
    { name: "zero: haproxy's to interpret", text: global("0"), want: undefined },
    { name: "what fits stays", text: global("5000"), want: undefined },
    { name: "two files a connection without splicing", text: global("50000"), want: 9_872 },
    { name: "two and a half with it", text: global("50000", "defaults\n option splice-request\n"), want: 7_897 },
    { name: "a check costs a file more", text: global("50000", "backend b\n server s a:1 check\n"), want: 9_871 },
    { name: "a listener's addresses cost files", text: global("50000", "frontend f\n bind a:1,b:1\n"), want: 9_870 },
    { name: "a frontend's own maxconn is no concern", text: "frontend f\n maxconn 50000\n", want: undefined },
  ])("$name", ({ text, want }) => {
    const derived = derive(text, here);
    const caps = derived.changes.filter((change) => change.what === "maxconn-capped");
    expect(caps.map(({ capped }) => capped)).toEqual(want === undefined ? [] : [want]);
    expect(readCap(derived.text)?.capped).toBe(want);
  });

  test("with `refuse` the text is refused, with the line and what would fit", () => {
    expect(deriveRunningConfiguration(global("50000"), { ...here, maxconnOverLimit: "refuse" })).toEqual({
      ok: false,
      line: 2,
      reason: "maxconn 50000 needs more open files than the limit of 20000 allows (largest possible maxconn: 9872)",
    });
  });

  test("a limit that allows nothing refuses, whatever the setting", () => {
    expect(deriveRunningConfiguration(global("10"), { ...here, openFilesLimit: 100 })).toMatchObject({ ok: false });
  });
});

test("every line not of ours is the upload's, at the line the map says", () => {
  const words = fc.constantFrom(
    "global",
    "defaults",
    "frontend f",
    "backend b",
    "mode http",
    "maxconn 90000",
    "#",
    "\xff",
    "",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (lines) => {
      const derived = derive(lines.join("\n"), here);
      const mapped = derived.text.split("\n").filter((_line, index) => derived.lineMap[index] !== 0);
      const changed = new Set(derived.changes.map((change) => (change.what === "maxconn-capped" ? change.line : 0)));
      expect(mapped.length).toBe(Math.max(1, lines.length));
      mapped.forEach((line, index) => {
        if (!changed.has(index + 1)) expect(line).toBe(lines[index] ?? "");
      });
    }),
  );
});

testWithFixtures("what a real controller sends changes in these lines and no other", () => {
  const folder = join(sharedFixtures, "haproxy");
  const files = readdirSync(folder).filter((name) => name.endsWith(".cfg"));
  expect(files.length).toBeGreaterThan(50);
  for (const file of files) {
    const text = readFileSync(join(folder, file), "latin1");
    const derived = derive(text);
    const added = derived.text.split("\n").filter((_line, index) => derived.lineMap[index] === 0);
    expect(new Set(added).size, file).toBeLessThanOrEqual(1);
    const kept = derived.text.split("\n").filter((_line, index) => derived.lineMap[index] !== 0);
    expect(kept.join("\n"), file).toBe(text);
  }
});
