import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { inflateSync } from "node:zlib";
import { type HeartbeatMessage, heartbeatMessage } from "@krater/agent/contract";

/** HMAC-SHA256 of the compressed payload, as 64 lower-case hex characters behind it. */
const SIGNATURE_BYTES = 64;
/** What one UDP datagram can hold over IPv4. */
const DATAGRAM_MAX_BYTES = 65_507;
const MESSAGE_MAX_BYTES = 1024 * 1024;

export type RefusalReason = "short" | "oversized" | "forged" | "undecodable" | "malformed";
export type OpenResult = { ok: true; message: HeartbeatMessage } | { ok: false; why: RefusalReason };

export function heartbeatKey(text: string): KeyObject {
  return createSecretKey(Buffer.from(text, "utf8"));
}

/** Nothing of a datagram is looked at before its signature holds. */
export function openHeartbeat(datagram: Buffer, key: KeyObject): OpenResult {
  if (datagram.length <= SIGNATURE_BYTES) return { ok: false, why: "short" };
  if (datagram.length > DATAGRAM_MAX_BYTES) return { ok: false, why: "oversized" };
  const payload = datagram.subarray(0, -SIGNATURE_BYTES);
  const expected = Buffer.from(createHmac("sha256", key).update(payload).digest("hex"), "latin1");
  if (!timingSafeEqual(expected, datagram.subarray(-SIGNATURE_BYTES))) return { ok: false, why: "forged" };
  let text: string;
  try {
    text = inflateSync(payload, { maxOutputLength: MESSAGE_MAX_BYTES }).toString("utf8");
  } catch {
    return { ok: false, why: "undecodable" };
  }
  try {
    const parsed = heartbeatMessage.safeParse(JSON.parse(text));
    return parsed.success ? { ok: true, message: parsed.data } : { ok: false, why: "malformed" };
  } catch {
    return { ok: false, why: "malformed" };
  }
}
