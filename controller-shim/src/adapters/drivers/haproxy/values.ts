import { isIP, isIPv4 } from "node:net";
import { DriverError } from "../../../core/drivers/driver-error.ts";

/**
 * Everything of a user's that reaches haproxy.cfg passes here. haproxy reads a line as words (Configuration Manual, 2.2
 * "Quoting and escaping"): a blank ends a word, `#` starts a comment, quotes and the backslash change how it reads on.
 * A value that cannot be one harmless word is refused, never repaired in silence.
 */

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const WORD_MAX_CHARACTERS = 2_048;

/** One word of free text, or a refusal that names the field. */
export function word(value: string, field: string): string {
  if (value === "") throw refusal(`${field} is empty`);
  if (value.length > WORD_MAX_CHARACTERS) throw refusal(`${field} is longer than ${WORD_MAX_CHARACTERS} characters`);
  if (CONTROL.test(value)) throw refusal(`${field} contains a control character or line break`);
  if (!value.isWellFormed()) throw refusal(`${field} is not valid Unicode`);
  // The agent, as Octavia's, drops everything from a bare word `group` to the end of the next line.
  if (value === "group") return '"group"';
  return value.replaceAll(/[\\ "'#]/g, "\\$&");
}

/** The pattern of an `acl`: `--` ends the flags, so that a value that begins with `-` is no flag. */
export function pattern(value: string, field: string): string {
  return value.startsWith("-") ? `-- ${word(value, field)}` : word(value, field);
}

/** RFC 9110 token, without the characters haproxy's own argument parser would read: `'`, `#`. */
export function token(value: string | null, field: string): string {
  if (value === null || !/^[A-Za-z0-9!$%&*+.^_`|~-]{1,255}$/.test(value)) {
    throw refusal(`${field} ${quote(value)} is not a plain header or cookie name`);
  }
  return value;
}

export function hostName(value: string, field: string): string {
  if (!/^[A-Za-z0-9._-]{1,255}(:\d{1,5})?$/.test(value)) throw refusal(`${field} ${quote(value)} is not a host name`);
  return value;
}

/** IPv4 or IPv6 without brackets and zone: Octavia's notation, the last colon separates the port. */
export function address(value: string, field: string): string {
  if (isIP(value) === 0 || value.includes("%")) throw refusal(`${field} ${quote(value)} is not an IP address`);
  return value.toLowerCase();
}

export function cidr(value: string, field: string): string {
  const [network = "", prefix = "", ...rest] = value.split("/");
  const longest = isIPv4(network) ? 32 : 128;
  if (isIP(network) === 0 || network.includes("%") || rest.length > 0) throw refusal(`${field} ${quote(value)}`);
  if (prefix !== "" && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > longest)) {
    throw refusal(`${field} ${quote(value)} has no valid prefix length`);
  }
  return value.toLowerCase();
}

export function integer(value: number | null, field: string, least: number, most: number): number {
  if (value === null || !Number.isInteger(value) || value < least || value > most) {
    throw refusal(`${field} ${quote(value)} is not a number from ${least} to ${most}`);
  }
  return value;
}

export function uuid(value: string, field: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) throw refusal(`${field} ${quote(value)} is no UUID`);
  return value;
}

export function oneOf<Value extends string>(value: string | null, field: string, allowed: readonly Value[]): Value {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw refusal(`${field} ${quote(value)}: this driver knows ${allowed.join(", ")}`);
  return found;
}

/** `200`, `200,204`, `200-299`, mixed: every code, ascending, joined for `rstatus`. */
export function statusCodes(value: string, field: string): string {
  const codes = new Set<number>();
  for (const part of value.split(",")) {
    const match = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || last < first) throw refusal(`${field} ${quote(value)} is not a list of HTTP status codes`);
    for (let code = first; code <= last; code++) codes.add(code);
  }
  return [...codes].sort((a, b) => a - b).join("|");
}

/** A project id goes into the log format, where `%` and blanks mean something: what is not plain becomes `_`. */
export function logLabel(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9._@:-]/g, "_") || "-";
}

export function refusal(message: string): DriverError {
  return new DriverError("unsupported", message);
}

function quote(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 200) ?? "undefined";
}
