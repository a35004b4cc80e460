import { createHash } from "node:crypto";
import { AgentError } from "../agent-error.ts";

/** Folders of the base path that belong to others: a load balancer of that name would tread on them. */
const RESERVED = new Set(["certs", "lvs", "vrrp"]);

/** Ids become folder names and unit names. Octavia sends UUIDs; anything that is a harmless name is accepted. */
export function requireIdentifier(id: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id) && !id.includes("..") && !RESERVED.has(id)) return;
  throw new AgentError("bad-identifier", "the id in the URL is not a usable name");
}

export function isIdentifier(id: string): boolean {
  try {
    requireIdentifier(id);
    return true;
  } catch {
    return false;
  }
}

/** A file on its way has a longer name than it will have, and 255 bytes are all there are. */
const LONGEST_NAME_BYTES = 200;

/** Octavia's rule is the search for `(\w.)+pem`; what also names another folder is refused. */
export function requireCertificateName(name: string): void {
  const fits = Buffer.byteLength(name) <= LONGEST_NAME_BYTES;
  if (fits && /(\w.)+pem/.test(name) && !/[/\0\n\r]/.test(name) && !/^\.{1,2}$/.test(name)) return;
  throw new AgentError("bad-certificate-name", "Filename has wrong format");
}

/** The name haproxy finds itself by in the `peers` section: base64 of SHA-1 of the amphora id, made harmless. */
export function peerName(amphoraId: string): string {
  return createHash("sha1")
    .update(amphoraId)
    .digest("base64")
    .replaceAll("+", "_")
    .replaceAll("/", "-")
    .replace(/^-/, "x")
    .replace(/=+$/, "");
}
