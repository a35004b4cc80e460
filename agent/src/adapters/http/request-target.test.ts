import fc from "fast-check";
import { expect, test } from "vitest";
import { readRequestTarget } from "./request-target.ts";

test.for([
  { url: "", why: "nothing" },
  { url: "info", why: "no slash" },
  { url: "ftp://a/b", why: "another scheme" },
  { url: "/a\\b", why: "a backslash" },
  { url: "/a#b", why: "a fragment" },
  { url: "/a\0b", why: "a NUL" },
  { url: "/a%00b", why: "an encoded NUL" },
  { url: "/a%7f", why: "an encoded DEL" },
  { url: "/a%", why: "half an escape" },
  { url: "/a%c3", why: "half a character" },
  { url: "/a?b\nc", why: "a line end in the query" },
  { url: `/${"a".repeat(5_000)}`, why: "too much" },
])("$why is refused", ({ url }) => {
  expect(readRequestTarget(url)).toMatchObject({ ok: false, reason: expect.any(String) });
});

test.for([
  { url: "/", path: "/", query: "" },
  { url: "//", path: "/", query: "" },
  { url: "///1.0/info?a=b?c", path: "/1.0/info", query: "?a=b?c" },
  { url: "/1.0//info", path: "/1.0//info", query: "" },
  { url: "/a/../b", path: "/a/../b", query: "" },
  { url: "/a%2Fb%20c", path: "/a%2Fb%20c", query: "" },
  { url: "https://amphora:9443", path: "/", query: "" },
  { url: "HTTPS://amphora//1.0/info?x", path: "/1.0/info", query: "?x" },
  { url: "http://amphora?x", path: "/", query: "?x" },
  { url: "*", path: "*", query: "" },
])("$url is $path", ({ url, path, query }) => {
  expect(readRequestTarget(url)).toEqual({ ok: true, path, query });
});

test("what comes through decodes to text without control characters and begins with one slash", () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom("/", "%", "%2f", "%00", "..", "?", "https://", "\\"));
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const target = readRequestTarget(`/${pieces.join("")}`);
      if (!target.ok) return;
      expect(target.path).toMatch(/^\/(?!\/)/);
      expect(decodeURIComponent(target.path)).not.toMatch(/\p{Cc}/u);
    }),
  );
});
