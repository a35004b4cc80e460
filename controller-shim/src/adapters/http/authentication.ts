import { createHash, timingSafeEqual } from "node:crypto";
import { ApiFault } from "../../core/api/fault.ts";

/** Nothing set: everybody who reaches the address may do everything, so that should be loopback. */
export interface Credentials {
  token?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
}

/** A static token in `X-Auth-Token` (`admin_token` of the stock clients), or HTTP basic (`http_basic`). */
export function authenticate(headers: Headers, credentials: Credentials): void {
  const { token, username, password } = credentials;
  const wantsToken = token !== undefined;
  const wantsBasic = username !== undefined && password !== undefined;
  if (!wantsToken && !wantsBasic) return;
  const given = headers.get("x-auth-token");
  if (wantsToken && given !== null && isSame(given, token)) return;
  const [scheme = "", encoded = ""] = (headers.get("authorization") ?? "").split(" ");
  const pair = Buffer.from(encoded, "base64").toString("utf8");
  if (wantsBasic && scheme.toLowerCase() === "basic" && isSame(pair, `${username}:${password}`)) return;
  throw new ApiFault("unauthorized", "The request you have made requires authentication.");
}

export function challenge(credentials: Credentials): string {
  return credentials.username === undefined ? "Token" : 'Basic realm="krater"';
}

/** Digests are of one length, and comparing them takes one time. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
