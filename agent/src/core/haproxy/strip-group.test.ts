import fc from "fast-check";
import { expect, test } from "vitest";
import { composeLineMaps, translateWords } from "./line-map.ts";
import { stripGroup } from "./strip-group.ts";

test.for([
  { name: "an empty text stays empty", text: "", want: "" },
  { name: "a group at the very start has no blank before it and stays", text: "group a", want: "group a" },
  { name: "a group without a name stays", text: "global\n group\n", want: "global\n group\n" },
  { name: "a group followed by one blank and nothing stays", text: "global\n group \n", want: "global\n group \n" },
  {
    name: "the line goes, with the blank lines before it",
    text: "global\n\n  group nogroup\n  x",
    want: "global\n  x",
  },
  { name: "a word that ends in group stays", text: "a\n nogroup x\n", want: "a\n nogroup x\n" },
  { name: "a group inside a line takes the rest of that line", text: "user a group b c\nmore", want: "user a\nmore" },
  { name: "two groups go both", text: "g\n group a\n group b\n", want: "g\n" },
  { name: "user nobody stays", text: "global\n user nobody\n", want: "global\n user nobody\n" },
  { name: "a letter whose UTF-8 ends in byte A0 is not a blank", text: "\xc3\xa0group x", want: "\xc3\xa0group x" },
])("$name", ({ text, want }) => {
  expect(stripGroup(text).text).toBe(want);
});

const pieces = fc.array(fc.constantFrom(" ", "\n", "\t", "group", "g", "x", "\xa0"), { maxLength: 40 });

test("agrees with the regular expression of the reference on any text", () => {
  fc.assert(
    fc.property(pieces, (words) => {
      const text = words.join("");
      const reference = text.replace(/[ \t\n\v\f\r]+group[ \t\n\v\f\r][^\n]+/g, "");
      expect(stripGroup(text).text).toBe(reference);
    }),
    { numRuns: 2_000 },
  );
});

test("every kept line is found again where the map says", () => {
  const text = "global\n  a\n\n  group g\n  b\n  group h\n  c\n";
  const stripped = stripGroup(text);
  const original = text.split("\n");
  stripped.text.split("\n").forEach((line, index) => {
    expect(original[(stripped.lineMap[index] ?? 0) - 1]).toBe(line);
  });
});

test("megabytes of blanks cost no time", () => {
  const startedMs = performance.now();
  stripGroup(`${" ".repeat(4 << 20)}group${" group".repeat(200_000)}`);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

test.for([
  { name: "a line number becomes the upload's", words: "parsing [/b/x.new:3] : no", want: "parsing [/b/x:7] : no" },
  { name: "a line of ours is told as the one before", words: "[/b/x.new:2]", want: "[/b/x:1]" },
  { name: "a line past the end is told as it is", words: "[/b/x.new:99]", want: "[/b/x:99]" },
  { name: "a name without line changes too", words: "errors in /b/x.new", want: "errors in /b/x" },
  { name: "other files are left alone", words: "[/b/xznew:3]", want: "[/b/xznew:3]" },
])("$name", ({ words, want }) => {
  expect(translateWords(words, "/b/x.new", "/b/x", [1, 0, 7])).toBe(want);
});

test("maps compose: third text to first", () => {
  expect(composeLineMaps([1, 4, 5], [1, 0, 2, 3])).toEqual([1, 0, 4, 5]);
});
