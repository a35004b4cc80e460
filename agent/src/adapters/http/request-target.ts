export type RequestTarget = { ok: true; path: string; query: string } | { ok: false; reason: string };

/** Longer than any route with any id; what is longer is not for us. */
const LONGEST_TARGET = 4096;

/**
 * What the request line asks for. Absolute form (RFC 9112, 3.2.2) loses its authority; leading slashes become one,
 * because Octavia's discovery asks for `//`. The path stays percent-encoded, but is proven to decode to text without
 * control characters. Nothing else is normalised: `..` or a trailing slash simply match no route.
 */
export function readRequestTarget(url: string): RequestTarget {
  if (url.length > LONGEST_TARGET) return { ok: false, reason: "The request target is too long." };
  if (url === "*") return { ok: true, path: "*", query: "" };
  const absolute = /^https?:\/\/[^/?#]*(?<rest>.*)$/is.exec(url)?.groups?.["rest"];
  const origin = absolute === undefined ? url : absolute.startsWith("/") ? absolute : `/${absolute}`;
  if (!origin.startsWith("/")) return { ok: false, reason: "The request target is not a path." };
  const end = origin.indexOf("?");
  const rawPath = end === -1 ? origin : origin.slice(0, end);
  const query = end === -1 ? "" : origin.slice(end);
  const path = rawPath.replace(/^\/+/, "/");
  if (/[\\#]/.test(path) || hasControlCharacters(origin)) {
    return { ok: false, reason: "The request target has characters that do not belong there." };
  }
  const decoded = decode(path);
  if (decoded === undefined || hasControlCharacters(decoded)) {
    return { ok: false, reason: "The request target is not properly percent-encoded text." };
  }
  return { ok: true, path, query };
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function hasControlCharacters(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
