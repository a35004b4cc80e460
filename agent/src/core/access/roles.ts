import { ROLE_URN_PREFIX, type Role, role } from "../../contract/roles.ts";

/**
 * Who calls, by the client certificate alone. `no-role`: a certificate as stock Octavia has it. `unknown`: one that
 * claims a role we do not have, or more than one; it may do nothing, so that a typing error never widens access.
 */
export type Caller = Role | "no-role" | "unknown";

/** Reads the role from `X509Certificate.subjectAltName` (undefined: the certificate has no such extension). */
export function callerOf(subjectAltName: string | undefined): Caller {
  const claimed = uriNames(subjectAltName ?? "").filter((uri) => uri.toLowerCase().startsWith(ROLE_URN_PREFIX));
  const [first, second] = claimed;
  if (first === undefined) return "no-role";
  if (second !== undefined) return "unknown";
  const known = role.safeParse(first.slice(ROLE_URN_PREFIX.length));
  return known.success ? known.data : "unknown";
}

/**
 * The URI entries of Node's text form: `DNS:a, URI:urn:b`. A value with a comma, quote or control character in it is
 * printed as a JSON string (Node's documentation of `subjectAltName`), so that a name cannot pose as another entry.
 */
function uriNames(subjectAltName: string): string[] {
  const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;
  const names: string[] = [];
  let consumed = 0;
  for (const match of subjectAltName.matchAll(entry)) {
    consumed = match.index + match[0].length;
    if (match[1] === "URI" && match[2] !== undefined) names.push(plain(match[2]));
  }
  // Text in a form we do not know claims a role we do not know: nothing is guessed.
  return consumed === subjectAltName.length ? names : [`${ROLE_URN_PREFIX}unreadable`];
}

function plain(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return `${ROLE_URN_PREFIX}unreadable`;
  }
}
