import fc from "fast-check";
import { expect, test } from "vitest";
import { applyQuery, PAGE_MAX, pickFields } from "./query.ts";
import type { Shown } from "./representation.ts";

const rules = {
  scalars: ["id", "name", "weight", "admin_state_up", "created_at", "updated_at", "address"],
  parents: { pool_id: (shown: Shown) => (shown["pools"] as { id: string }[]).map((each) => each.id) },
  ignored: ["listener_id"],
};
const self = "http://lb.example:9876/v2.0/lbaas/things";

const things: Shown[] = [
  {
    id: "a",
    name: "one",
    weight: 10,
    admin_state_up: true,
    created_at: "2",
    updated_at: null,
    tags: ["x", "y"],
    pools: [{ id: "p" }],
  },
  { id: "b", name: "two", weight: 9, admin_state_up: false, created_at: "1", updated_at: "3", tags: ["x"], pools: [] },
  {
    id: "c",
    name: "two",
    weight: 100,
    admin_state_up: true,
    created_at: "2",
    updated_at: "4",
    tags: [],
    pools: [{ id: "q" }],
  },
];

const ids = (query: string, objects = things) =>
  applyQuery(objects, new URLSearchParams(query), rules, self)
    .items.map((each) => each["id"])
    .join("");

test.for([
  { query: "colour=red", text: "One or more arguments are either duplicate or invalid" },
  { query: "constructor=x", text: "duplicate or invalid" },
  { query: "toString=x", text: "duplicate or invalid" },
  { query: "tenant=x", text: "duplicate or invalid" },
  { query: "id=a&id=b", text: "duplicate or invalid" },
  { query: "sort=colour", text: "Supplied sort key 'colour' is not valid." },
  { query: "sort_key=pools", text: "Supplied sort key 'pools' is not valid." },
  { query: "sort=name:up", text: "Supplied sort direction 'up' is not valid." },
  { query: "marker=nobody", text: "Supplied pagination marker is not valid." },
  { query: "limit=ten", text: "Supplied pagination limit 'ten' is not valid." },
  { query: "page_reverse=perhaps", text: "page_reverse. Value: 'perhaps'" },
  { query: "page_reverse=", text: "Expected 'bool'" },
  { query: "limit=1.5", text: "limit '1.5'" },
])("?$query is refused", ({ query, text }) => {
  expect(() => ids(query)).toThrow(text);
  expect(() => ids(query)).toThrow(expect.objectContaining({ code: "invalid" }));
});

test.for([
  { query: "", want: "bac", why: "by age, then id" },
  { query: "id=not-a-uuid", want: "", why: "an unknown id is an empty list" },
  { query: "id=a", want: "a", why: "one" },
  { query: "name=two", want: "bc", why: "two of a name" },
  { query: "name=two&weight=9", want: "b", why: "filters are AND" },
  { query: "weight=0100", want: "c", why: "numbers as numbers" },
  { query: "weight=", want: "", why: "an empty text is not 0" },
  { query: "admin_state_up=True", want: "ac", why: "booleans the Python way" },
  { query: "admin_state_up=0", want: "b", why: "booleans as digits" },
  { query: "admin_state_up=perhaps", want: "", why: "no boolean at all" },
  { query: "updated_at=None", want: "a", why: "null by its Python name" },
  { query: "pool_id=q", want: "c", why: "by a parent" },
  { query: "pool_id=q&listener_id=whatever", want: "c", why: "the URL has decided already" },
  { query: "tags=x,y", want: "a", why: "all of them" },
  { query: "tags=x&tags=y", want: "a", why: "the same, repeated" },
  { query: "tags-any=y,z", want: "a", why: "any of them" },
  { query: "not-tags=x,y", want: "bc", why: "not all of them" },
  { query: "not-tags-any=x,y", want: "c", why: "none of them" },
  { query: "sort=weight", want: "bac", why: "numbers by size" },
  { query: "sort=weight:desc", want: "cab", why: "backwards" },
  { query: "sort=name:desc,id:desc", want: "cba", why: "by two" },
  { query: "sort_key=name&sort_dir=desc&sort_key=id&sort_dir=desc", want: "cba", why: "by two, the other way" },
  { query: "sort=updated_at", want: "abc", why: "null first" },
  { query: "limit=2", want: "ba", why: "the first page" },
  { query: "limit=2&marker=a", want: "c", why: "the second page" },
  { query: "limit=1&marker=c&page_reverse=True", want: "a", why: "the page before" },
  { query: "limit=0", want: "bac", why: "no limit" },
  { query: "limit=-5", want: "bac", why: "no limit either" },
  { query: "limit=infinite", want: "bac", why: "nor this" },
])("?$query gives $want: $why", ({ query, want }) => expect(ids(query)).toBe(want));

test("links lead on as long as pages are full, and back when there is a marker", () => {
  const page = (query: string) => applyQuery(things, new URLSearchParams(query), rules, self).links;
  expect(page("")).toEqual([]);
  expect(page("limit=3&name=two")).toEqual([]);
  expect(page("limit=2&sort=id")).toEqual([{ rel: "next", href: `${self}?limit=2&sort=id&marker=b` }]);
  expect(page("limit=1&marker=a&sort=id")).toEqual([
    { rel: "next", href: `${self}?limit=1&marker=b&sort=id` },
    { rel: "previous", href: `${self}?limit=1&marker=b&sort=id&page_reverse=True` },
  ]);
  expect(page("limit=2&marker=c&sort=id")).toEqual([]);
});

test(`a page has at most ${PAGE_MAX} objects, and the rest comes by links`, () => {
  const many = Array.from({ length: PAGE_MAX + 5 }, (_, n) => ({ id: String(n).padStart(5, "0") }));
  const first = applyQuery(many, new URLSearchParams("limit=5000"), rules, self);
  expect(first.items).toHaveLength(PAGE_MAX);
  const [next] = first.links;
  const second = applyQuery(many, new URL(next?.href ?? "").searchParams, rules, self);
  expect(second.items).toHaveLength(5);
});

test("following next sees everything once, in order; following previous from the end sees it backwards", () => {
  const object = fc.record({
    id: fc.uuid(),
    name: fc.constantFrom("a", "b", "c"),
    created_at: fc.constantFrom("1", "2"),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(object, { selector: (each) => each.id, maxLength: 30 }),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom("", "&sort=name:desc", "&sort=created_at:desc,name"),
      (objects, limit, sort) => {
        const whole = applyQuery(objects, new URLSearchParams(sort), rules, self).items.map((each) => each["id"]);
        const walk = (start: string, rel: string) => {
          const seen: unknown[][] = [];
          let query = new URLSearchParams(start);
          for (let n = 0; n <= objects.length + 1; n++) {
            const page = applyQuery(objects, query, rules, self);
            seen.push(page.items.map((each) => each["id"]));
            const link = page.links.find((each) => each.rel === rel);
            if (!link) return seen;
            query = new URL(link.href).searchParams;
          }
          throw new Error("the links never end");
        };
        expect(walk(`limit=${limit}${sort}`, "next").flat()).toEqual(whole);
        const last = whole.at(-1);
        if (last === undefined) return;
        const backwards = walk(`limit=${limit}&marker=${last as string}&page_reverse=true${sort}`, "previous");
        expect(backwards.reverse().flat()).toEqual(whole.slice(0, -1));
      },
    ),
  );
});

test("fields cut an object down, unknown ones are not there", () => {
  const picked = pickFields(things[0] ?? {}, new URLSearchParams("fields=id&fields=name,nothing"));
  expect(picked).toEqual({ id: "a", name: "one" });
  expect(pickFields(things[0] ?? {}, new URLSearchParams("fields="))).toEqual(things[0]);
});
