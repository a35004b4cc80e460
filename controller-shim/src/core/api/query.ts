import { ApiFault } from "./fault.ts";
import type { Shown } from "./representation.ts";
import { readBoolean } from "./values.ts";

/** Server default and maximum of a page. */
export const PAGE_MAX = 1_000;

/** What a list of one kind can be filtered by beyond its own scalars. */
export interface ListRules {
  /** Scalars of the object: each is a filter and a sort key. */
  scalars: readonly string[];
  /** Other words, and parents: name in the query -> what it is compared with. */
  parents?: Readonly<Record<string, (shown: Shown) => readonly unknown[]>>;
  /** The SDK repeats the parent of the URL in the query; the URL has decided already. */
  ignored?: readonly string[];
}

export interface Page {
  items: Shown[];
  links: { rel: "next" | "previous"; href: string }[];
}

const RESERVED = ["limit", "marker", "page_reverse", "sort", "sort_key", "sort_dir", "fields"];
const TAG_FILTERS = ["tags", "tags-any", "not-tags", "not-tags-any"];

/** Filters, sorts and cuts what a list answers. `self` is the absolute URL of the list, without its query. */
export function applyQuery(objects: readonly Shown[], query: URLSearchParams, rules: ListRules, self: string): Page {
  const filters = readFilters(query, rules);
  const found = objects.filter((each) => filters.every((matches) => matches(each)));
  const page = cut(found.toSorted(readOrder(query, rules)), query, self);
  return { items: page.items.map((each) => pickFields(each, query)), links: page.links };
}

/** `fields=id&fields=name`, on lists and on single objects. */
export function pickFields(shown: Shown, query: URLSearchParams): Shown {
  const wanted = words(query, "fields").filter((word) => word !== "");
  if (wanted.length === 0) return shown;
  return Object.fromEntries(Object.entries(shown).filter(([name]) => wanted.includes(name)));
}

/** A switch in the query, off when absent. What is neither yes nor no is refused: it may decide what is deleted. */
export function readFlag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  const flag = text === null ? false : readBoolean(text);
  if (flag === undefined) {
    throw new ApiFault("invalid", `Invalid input for field/attribute ${name}. Value: '${text}'. Expected 'bool'`);
  }
  return flag;
}

type Filter = (shown: Shown) => boolean;

function readFilters(query: URLSearchParams, rules: ListRules): Filter[] {
  const filters: Filter[] = [];
  for (const name of new Set(query.keys())) {
    if (RESERVED.includes(name) || rules.ignored?.includes(name)) continue;
    if (TAG_FILTERS.includes(name)) {
      filters.push(tagFilter(name, words(query, name)));
      continue;
    }
    const values = query.getAll(name);
    const parent = rules.parents && Object.hasOwn(rules.parents, name) ? rules.parents[name] : undefined;
    if (values.length > 1 || !(parent || rules.scalars.includes(name))) {
      throw new ApiFault("invalid", "One or more arguments are either duplicate or invalid");
    }
    const [wanted = ""] = values;
    filters.push((shown) => (parent ? parent(shown) : [shown[name]]).some((value) => isEqual(value, wanted)));
  }
  return filters;
}

function isEqual(value: unknown, wanted: string): boolean {
  if (typeof value === "boolean") return readBoolean(wanted) === value;
  if (typeof value === "number") return wanted.trim() !== "" && Number(wanted) === value;
  if (value === null || value === undefined) return ["", "None", "null"].includes(wanted);
  return value === wanted;
}

function tagFilter(name: string, wanted: string[]): Filter {
  const tagsOf = (shown: Shown) => (Array.isArray(shown["tags"]) ? shown["tags"] : []);
  const all: Filter = (shown) => wanted.every((tag) => tagsOf(shown).includes(tag));
  const any: Filter = (shown) => wanted.some((tag) => tagsOf(shown).includes(tag));
  if (name === "tags") return all;
  if (name === "tags-any") return any;
  return name === "not-tags" ? (shown) => !all(shown) : (shown) => !any(shown);
}

/** Repeated, or with commas: `tags=a,b` and `tags=a&tags=b` are the same. */
function words(query: URLSearchParams, name: string): string[] {
  return query.getAll(name).flatMap((value) => value.split(","));
}

type Order = (a: Shown, b: Shown) => number;

function readOrder(query: URLSearchParams, rules: ListRules): Order {
  const keys = words(query, "sort")
    .filter((word) => word !== "")
    .map((word) => word.split(":"));
  const directions = words(query, "sort_dir");
  for (const [n, key] of words(query, "sort_key").entries()) keys.push([key, directions[n] ?? "asc"]);
  const orders = keys.map(([key = "", direction = "asc"]) => {
    if (!rules.scalars.includes(key)) throw new ApiFault("invalid", `Supplied sort key '${key}' is not valid.`);
    if (!["asc", "desc"].includes(direction)) {
      throw new ApiFault("invalid", `Supplied sort direction '${direction}' is not valid.`);
    }
    return byKey(key, direction === "desc" ? -1 : 1);
  });
  const order = [...orders, byKey("created_at", 1), byKey("id", 1)];
  return (a, b) => order.reduce((decided, each) => decided || each(a, b), 0);
}

/** Null first, then numbers and booleans by size, texts by code point. */
function byKey(key: string, sign: 1 | -1): Order {
  return (a, b) => {
    const [left, right] = [a[key] ?? null, b[key] ?? null];
    if (left === right) return 0;
    if (left === null) return -sign;
    if (right === null) return sign;
    return (left as string | number) < (right as string | number) ? -sign : sign;
  };
}

function cut(sorted: Shown[], query: URLSearchParams, self: string): Page {
  const limit = readLimit(query.get("limit"));
  const marker = query.get("marker");
  const reverse = readFlag(query, "page_reverse");
  const at = marker === null ? undefined : sorted.findIndex((each) => each["id"] === marker);
  if (at === -1) throw new ApiFault("invalid", "Supplied pagination marker is not valid.");
  const end = at ?? sorted.length;
  const items = reverse
    ? sorted.slice(Math.max(0, end - limit), end)
    : sorted.slice(at === undefined ? 0 : at + 1).slice(0, limit);
  const link = (rel: "next" | "previous", id: unknown) => {
    const params = new URLSearchParams(query);
    params.set("marker", String(id));
    if (query.has("limit")) params.set("limit", String(limit));
    if (rel === "next") params.delete("page_reverse");
    else params.set("page_reverse", "True");
    return { rel, href: `${self}?${params.toString()}` };
  };
  const links: Page["links"] = [];
  // A full page has a next one even if that turns out empty: clients ask until they see a short page.
  if (items.length > 0 && (items.length >= limit || reverse)) links.push(link("next", items.at(-1)?.["id"]));
  if (items.length > 0 && marker !== null) links.push(link("previous", items[0]?.["id"]));
  return { items, links };
}

function readLimit(text: string | null): number {
  if (text === null || text === "infinite") return PAGE_MAX;
  if (!/^-?\d{1,15}$/.test(text)) throw new ApiFault("invalid", `Supplied pagination limit '${text}' is not valid.`);
  const limit = Number(text);
  return limit <= 0 ? PAGE_MAX : Math.min(limit, PAGE_MAX);
}
