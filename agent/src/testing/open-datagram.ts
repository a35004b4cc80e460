import { createHmac, timingSafeEqual } from "node:crypto";
import { inflateSync } from "node:zlib";

const HEX_TAG_BYTES = 64;
const RAW_TAG_BYTES = 32;
/** What a receiver would allow a message to grow to; our largest is a few hundred kB. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export type OpenResult = { ok: true; value: unknown } | { ok: false; why: "short" | "forged" | "malformed" };

/** The receiver's side, as a health manager does it: hex first, then the raw digest of old amphorae. */
export function openDatagram(datagram: Buffer, key: string): OpenResult {
  if (datagram.length <= RAW_TAG_BYTES) return { ok: false, why: "short" };
  for (const [tagBytes, encoding] of [[HEX_TAG_BYTES, "hex"] as const, [RAW_TAG_BYTES, undefined] as const]) {
    if (datagram.length <= tagBytes) continue;
    const payload = datagram.subarray(0, -tagBytes);
    const digest = createHmac("sha256", key).update(payload);
    // As ASCII bytes, not as a number: the tag is lower-case hex and nothing else.
    const expected = encoding ? Buffer.from(digest.digest(encoding), "latin1") : digest.digest();
    if (timingSafeEqual(expected, datagram.subarray(-tagBytes))) return read(payload);
  }
  return { ok: false, why: "forged" };
}

function read(payload: Buffer): OpenResult {
  try {
    const json = inflateSync(payload, { maxOutputLength: MAX_MESSAGE_BYTES }).toString("utf8");
    return { ok: true, value: JSON.parse(json) as unknown };
  } catch {
    return { ok: false, why: "malformed" };
  }
}
