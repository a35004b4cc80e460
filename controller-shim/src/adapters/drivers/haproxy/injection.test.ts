import fc from "fast-check";
import { expect, test } from "vitest";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import { harmless, nastyText, treeWith, type UserStrings } from "../../../testing/random-tree.ts";
import { HaproxyRenderer } from "./render.ts";

const renderer = new HaproxyRenderer();
const options = { basePath: "/var/lib/octavia", connectionLogging: true, haproxyVersion: "2.6.12" };

/** What haproxy's own reader makes of a line: its words, by its rules for quotes, backslashes and comments. */
function words(line: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? "";
    if (quote === "" && (char === " " || char === "\t")) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else if (quote === "" && char === "#") break;
    else if (char === '"' && quote !== "'") quote = quote === '"' ? "" : '"';
    else if (char === "'" && quote !== '"') quote = quote === "'" ? "" : "'";
    else if (char === "\\" && quote !== "'") {
      at += 1;
      word = `${word ?? ""}${line[at] ?? ""}`;
      continue;
    } else word = `${word ?? ""}${char}`;
    if (quote !== "") word ??= "";
  }
  if (word !== undefined) found.push(word);
  return found;
}

function shapeOf(strings: UserStrings): string[][] {
  return renderer.render(treeWith(strings), options).split("\n").map(words);
}

const plain = shapeOf(harmless);

/** Where a user's text may end up: the same lines, the same number of words, the same directive in front. */
function expectSameShape(strings: UserStrings): void {
  let shape: string[][];
  try {
    shape = shapeOf(strings);
  } catch (error) {
    expect(error).toBeInstanceOf(DriverError);
    expect((error as DriverError).kind).toBe("unsupported");
    expect((error as DriverError).message).not.toMatch(/[\n\r\0]/);
    return;
  }
  expect(shape).toHaveLength(plain.length);
  for (const [n, line] of shape.entries()) {
    const expected = plain[n] ?? [];
    // `--` in front of a pattern that begins with `-` is the one word more there may be.
    const own = line.filter((word, at) => !(word === "--" && line[at + 1]?.startsWith("-")));
    if (expected[0] === "option" && expected[1] === "forwardfor") continue;
    expect(own[0]).toBe(expected[0]);
    expect(own).toHaveLength(expected.length);
  }
}

test.for(Object.keys(harmless) as (keyof UserStrings)[])("no text in %s makes a directive of its own", (field) => {
  fc.assert(
    fc.property(nastyText, (text) => {
      if (field === "headerValue") return; // only `true` means anything; its line comes and goes
      expectSameShape({ ...harmless, [field]: text });
    }),
    { numRuns: 400 },
  );
});

test("no texts in all fields together make a directive of their own", () => {
  const strings = fc.record(
    Object.fromEntries(Object.keys(harmless).map((field) => [field, nastyText])) as Record<
      keyof UserStrings,
      fc.Arbitrary<string>
    >,
  );
  fc.assert(
    fc.property(strings, (texts) => expectSameShape({ ...texts, headerValue: "true" })),
    { numRuns: 500 },
  );
});

test.for([
  { name: "a line break", value: "a\nglobal", want: "control character" },
  { name: "a carriage return", value: "a\rb", want: "control character" },
  { name: "a zero byte", value: "a\0b", want: "control character" },
  { name: "half a character", value: "\ud800", want: "not valid Unicode" },
  { name: "nothing", value: "", want: "is empty" },
  { name: "far too much", value: "a".repeat(3000), want: "longer than" },
])("an L7 rule value with $name is refused by name", ({ value, want }) => {
  expect(() => shapeOf({ ...harmless, ruleValue: value })).toThrow(want);
});

test.for([
  { name: "a blank", value: "a b", want: String.raw`-m str a\ b` },
  { name: "a comment sign", value: "a#b", want: String.raw`-m str a\#b` },
  { name: "quotes", value: `a"b'c`, want: String.raw`-m str a\"b\'c` },
  { name: "a backslash before n", value: String.raw`a\nb`, want: String.raw`-m str a\\nb` },
  { name: "what looks like a flag", value: "-f", want: "-m str -- -f" },
  { name: "the word the agent strips", value: "group", want: `-m str "group"` },
  { name: "an ampersand (stock writes &amp;)", value: "a&b<c", want: "-m str a&b<c" },
])("an L7 rule value with $name stays one word", ({ value, want }) => {
  const text = renderer.render(treeWith({ ...harmless, ruleValue: value }), options);
  expect(text).toContain(`req.hdr(X-Key) ${want}\n`);
});

test("a project id is a label in the log, not a format", () => {
  const text = renderer.render(treeWith({ ...harmless, projectId: "%[src] a\\ b\n" }), options);
  expect(text).toContain(String.raw`log-format __src__a__b_\ `);
});
