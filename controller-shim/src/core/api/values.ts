import { parseCidr, parseIp } from "../planning/ip.ts";

/** Reads one value of a JSON body; throws `BadValue` with the reason. */
export type Kind<Value> = (raw: unknown) => Value;

/** The reason alone: the engine knows which attribute it was. */
export class BadValue extends Error {}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** RFC 9110 5.6.2; also what RFC 6265 allows as a cookie's name. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** RFC 3986: what may stand in a path and its query, nothing that needs escaping further down. */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$/;
const URL_REST = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#[\]-]|%[0-9A-Fa-f]{2})*$/;
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
/** No address of a member: the metadata service, reached through it, would answer in the amphora's name. */
const METADATA = ["169.254.169.254", "fe80::a9fe:a9fe"].map((each) => parseIp(each)?.value);

export function text(maximum: number, minimum = 0): Kind<string> {
  return (raw) => {
    if (typeof raw !== "string") throw new BadValue("Wrong type. Expected 'str'");
    // No database keeps them: half a character would come back as another, and PostgreSQL has no zero in a text.
    if (!raw.isWellFormed() || raw.includes("\0")) throw new BadValue("Value should be Unicode text without zeros");
    // Characters, as Octavia counts them; what is too long in any case is not taken apart.
    const length = raw.length > 2 * maximum ? raw.length : Array.from(raw).length;
    if (length < minimum) throw new BadValue(`Value should have a minimum character requirement of ${minimum}`);
    if (length > maximum) throw new BadValue(`Value should have a maximum character requirement of ${maximum}`);
    return raw;
  };
}

/** Clients send numbers as strings here and there (`"connection_limit": "100"`). */
export function integer(minimum: number, maximum: number): Kind<number> {
  return (raw) => {
    const value = typeof raw === "string" && /^\s*-?\d{1,15}\s*$/.test(raw) ? Number(raw) : raw;
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new BadValue("Wrong type. Expected 'int'");
    if (value < minimum) throw new BadValue(`Value should be greater or equal to ${minimum}`);
    if (value > maximum) throw new BadValue(`Value should be lesser or equal to ${maximum}`);
    return value;
  };
}

export const port = integer(1, 65_535);

export const boolean: Kind<boolean> = (raw) => {
  const value = readBoolean(raw);
  if (value === undefined) throw new BadValue("Wrong type. Expected 'bool'");
  return value;
};

/** Any case of true/false, yes/no, on/off, 1/0, t/f, y/n: clients write them the Python way. */
export function readBoolean(raw: unknown): boolean | undefined {
  if (typeof raw === "boolean") return raw;
  if (typeof raw !== "string" && typeof raw !== "number") return undefined;
  const word = String(raw).trim().toLowerCase();
  if (["true", "t", "yes", "y", "on", "1"].includes(word)) return true;
  if (["false", "f", "no", "n", "off", "0"].includes(word)) return false;
  return undefined;
}

/** Dashed and in lower case, however it came. */
export const uuid: Kind<string> = (raw) => {
  if (typeof raw !== "string" || !UUID.test(raw)) throw new BadValue("Value should be UUID format");
  const digits = raw.replaceAll("-", "").toLowerCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

export function oneOf<const Value extends string | number>(values: readonly Value[]): Kind<Value> {
  return (raw) => {
    const number = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
    const found = values.find((each) => each === (typeof each === "number" ? number : raw));
    if (found === undefined) throw new BadValue(`Value should be one of: ${values.join(", ")}`);
    return found;
  };
}

export function listOf<Value>(kind: Kind<Value>): Kind<Value[]> {
  return (raw) => {
    if (!Array.isArray(raw)) throw new BadValue("Wrong type. Expected a list");
    return raw.map(kind);
  };
}

export const tags = listOf(text(255));

/** Kept exactly as written: Terraform compares what it sent with what it reads. */
export const ipAddress: Kind<string> = (raw) => {
  if (typeof raw !== "string" || !parseIp(raw)) throw new BadValue("Value should be IPv4 or IPv6 format");
  return raw;
};

export const memberAddress: Kind<string> = (raw) => {
  const address = ipAddress(raw);
  const { version, value } = parseIp(address) ?? { version: 4, value: 0n };
  // haproxy takes 0.0.0.0 and :: for "wherever the client meant to go", which is the load balancer itself.
  const isMulticast = version === 4 ? value >> 28n === 0xen : value >> 120n === 0xffn;
  if (value === 0n || isMulticast || (version === 4 && value === 0xffff_ffffn)) {
    throw new BadValue("Value should be the address of one server");
  }
  // ::ffff:a.b.c.d and ::a.b.c.d are IPv4 addresses in other clothes (RFC 4291, 2.5.5).
  const isIpv4InIpv6 = value >> 32n === 0xffffn || value >> 32n === 0n;
  if (METADATA.includes(value) || (isIpv4InIpv6 && METADATA.includes(value & 0xffff_ffffn))) {
    throw new BadValue("Value is not a permitted member address");
  }
  return address;
};

export const cidr: Kind<string> = (raw) => {
  if (typeof raw !== "string" || !parseCidr(raw)) throw new BadValue("Value should be a network in CIDR format");
  return raw;
};

export const stringMap: Kind<Record<string, string>> = (raw) => {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new BadValue("Wrong type. Expected a map");
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, text(1_024)(value)]));
};

export const urlPath: Kind<string> = (raw) => {
  const path = text(255)(raw);
  if (!PATH.test(path)) throw new BadValue("Value should be a URL path beginning with /");
  return path;
};

export const webUrl: Kind<string> = (raw) => {
  const url = text(255)(raw);
  const [, rest] = /^https?:\/\/([^/?#]+.*)$/i.exec(url) ?? [];
  if (rest === undefined || !URL_REST.test(rest) || !URL.canParse(url)) {
    throw new BadValue("Value should be a URL beginning with http:// or https://");
  }
  return url;
};

/** `200`, `200,204` or `200-299`. */
export const statusCodes: Kind<string> = (raw) => {
  const codes = text(64)(raw);
  if (!/^(?:\d{3}(?:\s*,\s*\d{3})*|\d{3}-\d{3})$/.test(codes)) {
    throw new BadValue("Value should be a code, a list of codes, or a range of codes");
  }
  return codes;
};

export const hostName: Kind<string> = (raw) => {
  const name = text(255)(raw);
  if (!HOST_NAME.test(name)) throw new BadValue("Value should be a host name");
  return name;
};

export const token: Kind<string> = (raw) => {
  const name = text(255, 1)(raw);
  if (!TOKEN.test(name)) throw new BadValue("Value should have only characters of an HTTP token");
  return name;
};

/** Neither line breaks nor other control characters: the value goes into a configuration file. */
export const singleLine: Kind<string> = (raw) => {
  const value = text(255, 1)(raw);
  if (/\p{Cc}|[\u2028\u2029]/u.test(value)) throw new BadValue("Value should have no control characters");
  return value;
};
