import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import { splitWords } from "./configuration-sections.ts";
import { summarize } from "./listeners.ts";

test.for([
  { name: "an empty text has none", text: "", want: [] },
  { name: "a frontend without a mode is TCP", text: "frontend f\n", want: [["f", "TCP"]] },
  { name: "HTTP by its mode", text: "frontend f\n  mode http\n", want: [["f", "HTTP"]] },
  {
    name: "TLS with a certificate list is TERMINATED_HTTPS",
    text: "frontend f\n  bind 10.0.0.1:443 ssl crt-list /c/f.pem\n  mode http\n",
    want: [["f", "TERMINATED_HTTPS"]],
  },
  { name: "TLS without a list is not", text: "frontend f\n bind :1 ssl crt /c\n mode http\n", want: [["f", "HTTP"]] },
  { name: "backends are no listeners", text: "backend b\n  mode http\n", want: [] },
  {
    name: "in file order",
    text: "frontend b\nfrontend a\n",
    want: [
      ["b", "TCP"],
      ["a", "TCP"],
    ],
  },
])("$name", ({ text, want }) => {
  expect(summarize(text).listeners).toEqual(want.map(([uuid, type]) => ({ uuid, status: "ACTIVE", type })));
});

test.for([
  { name: "plain", text: "global\n stats socket /b/x.sock mode 0666 level user\n", want: "/b/x.sock" },
  { name: "none", text: "global\n stats timeout 1s\n", want: undefined },
  { name: "only in a comment", text: "global\n # stats socket /b/x.sock\n", want: undefined },
])("statistics socket: $name", ({ text, want }) => expect(summarize(text).statisticsSocket).toBe(want));

test.for([
  { line: "", words: [] },
  { line: "   # only a comment", words: [] },
  { line: "\tbind  :80\r", words: ["bind", ":80"] },
  { line: 'a "b c" d', words: ["a", "b c", "d"] },
  { line: "a 'b # c' # d", words: ["a", "b # c"] },
  { line: "a b\\ c \\# \\\\", words: ["a", "b c", "#", "\\"] },
  { line: 'a "" b', words: ["a", "", "b"] },
  { line: "a 'b\\c'", words: ["a", "b\\c"] },
])("words of <$line>", ({ line, words }) => expect(splitWords(line)).toEqual(words));

testWithFixtures("the Prometheus listener's helper is listed too, as the reference does", () => {
  const text = readFileSync(join(sharedFixtures, "haproxy/16-prometheus-listener.master.cfg"), "latin1");
  expect(summarize(text).listeners.map(({ uuid }) => uuid)).toContain("prometheus-exporter-internal-endpoint");
});
