import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigurationError } from "./configuration-error.ts";
import { parseIni } from "./ini-file.ts";

const values = (text: string) => parseIni(text, "f").map(({ section, key, value }) => [section, key, value]);

test.for([
  { name: "an option before the first section", text: "a = 1", message: "f:1: an option before the first [section]" },
  { name: "a section that does not close", text: "\n[a\nb = 1", message: "f:2: a section name must end with ]" },
  { name: "a section without a name", text: "[ ]", message: "f:1: an empty section name" },
  { name: "a line that is nothing", text: "[a]\nnothing", message: "f:2: neither [section] nor key = value" },
  { name: "a value without a key", text: "[a]\n = 1", message: "f:2: an indented line continues a value" },
  { name: "an equals sign alone", text: "[a]\n=1", message: "f:2: no key in front of the equals sign" },
  { name: "an indented line under a section", text: "[a]\n  b", message: "f:2: an indented line continues a value" },
  { name: "an indented line after a blank one", text: "[a]\nb = 1\n\n c", message: "f:4: an indented line continues" },
  { name: "a NUL byte", text: "[a]\nb = \0", message: "f:2: a NUL byte" },
])("$name is refused with file, line and reason", ({ text, message }) => {
  expect(() => parseIni(text, "f")).toThrow(ConfigurationError);
  expect(() => parseIni(text, "f")).toThrow(message);
});

test("an error never quotes the line: it may hold the key", () => {
  const attempt = () => parseIni("[health_manager]\nheartbeat_key secret-value", "f");
  expect(attempt).toThrow();
  expect(attempt).not.toThrow(/secret-value/);
});

test.for([
  { name: "an empty file has no options", text: "", want: [] },
  { name: "spaces around name and value go", text: "[a]\nb =  c d ", want: [["a", "b", "c d"]] },
  { name: "a colon does as well", text: "[a]\nb: c", want: [["a", "b", "c"]] },
  { name: "the first sign divides", text: "[a]\nb = c:d=e", want: [["a", "b", "c:d=e"]] },
  { name: "a colon before an equals sign divides", text: "[a]\nb:c=d", want: [["a", "b", "c=d"]] },
  { name: "an empty value is a value", text: "[a]\nb =", want: [["a", "b", ""]] },
  {
    name: "comments are both kinds",
    text: "# x = 1\n[a]\n; y = 2\nb = 1 # part of it",
    want: [["a", "b", "1 # part of it"]],
  },
  { name: "a comment ends a value", text: "[a]\nb = 1\n# x\n", want: [["a", "b", "1"]] },
  {
    name: "an indented line goes on",
    text: "[a]\nb = 1,\n  2,\n\t3\nc = 4",
    want: [
      ["a", "b", "1,\n2,\n3"],
      ["a", "c", "4"],
    ],
  },
  { name: "one pair of quotes goes", text: "[a]\nb = \"' c '\"", want: [["a", "b", "' c '"]] },
  { name: "a lonely quote stays", text: '[a]\nb = "', want: [["a", "b", '"']] },
  {
    name: "sections match in any case",
    text: "[Amphora_Agent]\nb = 1\n[default]\nc = 2",
    want: [
      ["amphora_agent", "b", "1"],
      ["DEFAULT", "c", "2"],
    ],
  },
  { name: "Windows line ends are line ends", text: "[a]\r\nb = 1\r\n", want: [["a", "b", "1"]] },
])("$name", ({ text, want }) => {
  expect(values(text)).toEqual(want);
});

test("what was written is read back", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/);
  const value = fc.stringMatching(/^(?:[!#-&(-~](?:[ -~]{0,30}[!#-&(-~])?)?$/); // no quotes at the ends
  const section = fc.tuple(
    word.map((name) => `s${name}`),
    fc.dictionary(word, value, { noNullPrototype: true }),
  );
  fc.assert(
    fc.property(fc.array(section, { maxLength: 5 }), fc.constantFrom(" = ", "=", ": ", ":"), (sections, sign) => {
      const text = sections
        .map(([name, options]) =>
          [`[${name}]`, ...Object.entries(options).map(([key, each]) => key + sign + each)].join("\n"),
        )
        .join("\n\n");
      expect(values(text)).toEqual(
        sections.flatMap(([name, options]) => Object.entries(options).map(([key, each]) => [name, key, each])),
      );
    }),
  );
});

test("whatever the text, there is an answer or a ConfigurationError", () => {
  const fragment = fc.oneof(fc.string(), fc.constantFrom("[", "]", "=", ":", "\n", " ", "\t", "#", "[a]\n", "b = c\n"));
  fc.assert(
    fc.property(fc.array(fragment), (fragments) => {
      try {
        parseIni(fragments.join(""), "f");
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigurationError);
      }
    }),
    { numRuns: 2_000 },
  );
});
