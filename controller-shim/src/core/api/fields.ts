import { ApiFault, missingField, unsupported } from "./fault.ts";
import { BadValue, type Kind } from "./values.ts";

/** One attribute of a resource, as data: everything the engine below needs to read it. */
export interface Field<Value> {
  kind: Kind<Value>;
  create: "mandatory" | "optional" | "refused";
  update: boolean;
  /** When a create leaves it out, and what null means: back to the default. Undefined: null is refused. */
  default: Value | undefined;
  /** What null means where that is not the default. */
  nullMeans: Value | undefined;
  /** Our data plane cannot honour it: any other value than the default is refused, never dropped in silence. */
  unsupported: boolean;
  /** What it means, for people who left it out. */
  text: string;
}

export type Fields = Record<string, Field<never> | Field<unknown>>;
export type Created<All> = { [Name in keyof All]: All[Name] extends Field<infer Value> ? Value : never };
export type Updated<All> = Partial<Created<All>>;

interface Rules<Value, Default> {
  update?: boolean;
  default: Default;
  nullMeans?: Value;
  unsupported?: boolean;
  create?: "optional" | "refused";
}

export function mandatory<Value>(label: string, kind: Kind<Value>, rules: { update?: boolean } = {}): Field<Value> {
  return {
    kind,
    create: "mandatory",
    update: rules.update ?? false,
    default: undefined,
    nullMeans: undefined,
    unsupported: false,
    text: label,
  };
}

export function optional<Value, Default extends Value | null>(
  label: string,
  kind: Kind<Value>,
  rules: Rules<Value, Default>,
): Field<Value | Default> {
  return {
    kind,
    create: rules.create ?? "optional",
    update: rules.update ?? false,
    default: rules.default,
    nullMeans: rules.nullMeans,
    unsupported: rules.unsupported ?? false,
    text: label,
  };
}

/** Reads the body of a create: every field is there afterwards, by value or by default. */
export function parseCreate<All extends Fields>(fields: All, body: unknown): Created<All> {
  const given = objectOf(body);
  // hasOwn: a body may well say "constructor".
  refuseUnknown(given, (name) => Object.hasOwn(fields, name) && fields[name]?.create !== "refused");
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (given[name] === undefined && field.create === "mandatory") throw missingField(name, field.text);
    values[name] = given[name] === undefined ? field.default : readField(field, name, given[name]);
  }
  refuseUnsupported(fields, values);
  return values as Created<All>;
}

/** Reads the body of an update: what was left out stays out. */
export function parseUpdate<All extends Fields>(fields: All, body: unknown): Updated<All> {
  const given = objectOf(body);
  refuseUnknown(given, (name) => Object.hasOwn(fields, name) && fields[name]?.update === true);
  const values: Record<string, unknown> = {};
  for (const [name, raw] of Object.entries(given)) {
    const field = fields[name];
    if (field) values[name] = readField(field, name, raw);
  }
  refuseUnsupported(fields, values);
  return values as Updated<All>;
}

/** An object within an object: `members` of a pool in a tree. */
export function nested<All extends Fields>(fields: () => All): Kind<Created<All>> {
  return (raw) => parseCreate(fields(), raw);
}

/** The object below the root key, and nothing else in the body. */
export function unwrap(root: string, body: unknown): unknown {
  const outer = objectOf(body);
  if (!Object.hasOwn(outer, root))
    throw new ApiFault("invalid", `Missing root element: the body must be {"${root}": {...}}`);
  refuseUnknown(outer, (name) => name === root);
  return outer[root];
}

/** What an update named, without what it left out. */
export function defined<Columns extends object>(
  columns: Columns,
): { [Name in keyof Columns]?: Exclude<Columns[Name], undefined> } {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as never;
}

function readField(field: Fields[string], name: string, raw: unknown): unknown {
  if (raw === null) {
    const value = field.nullMeans ?? field.default;
    if (value !== undefined) return value;
    if (field.create === "mandatory") throw missingField(name, field.text);
  }
  try {
    return field.kind(raw);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new ApiFault(
      "invalid",
      `Invalid input for field/attribute ${name}. Value: '${shown(raw)}'. ${error.message}`,
      { cause: error },
    );
  }
}

function refuseUnknown(given: Record<string, unknown>, known: (name: string) => boolean): void {
  const unknown = Object.keys(given).find((name) => !known(name));
  if (unknown !== undefined) throw new ApiFault("invalid", `Unknown attribute: ${shown(unknown)}`);
}

function refuseUnsupported(fields: Fields, values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    const field = fields[name];
    const asked = Array.isArray(value) ? value.length > 0 : value !== field?.default;
    if (field?.unsupported && asked) throw unsupported(name);
  }
}

function objectOf(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiFault("invalid", "Invalid input: a JSON object was expected");
  }
  return body as Record<string, unknown>;
}

/** Enough to recognise it: a megabyte sent as a name does not come back, nor does a nest too deep to print. */
function shown(raw: unknown): string {
  if (Array.isArray(raw)) return `a list of ${raw.length}`;
  if (typeof raw === "object" && raw !== null) return "an object";
  const words = String(raw);
  return words.length > 100 ? `${words.slice(0, 100)}...` : words;
}
