/** What may stand in a host header; anything else does not end up in a link. */
const HOST = /^[A-Za-z0-9._[\]:-]{1,255}$/;
const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)*\/?$/;

/**
 * Where the client finds us, without a slash at the end: links have to lead back through whatever stands in front.
 * `pathPrefix` is the deployment's own (`/load-balancer`), kept when the request came with it.
 */
export function baseUrl(request: Request, settings: { publicUrl?: string | undefined; pathPrefix: string }): string {
  if (settings.publicUrl !== undefined) return settings.publicUrl.replace(/\/+$/, "");
  const url = new URL(request.url);
  const first = (name: string) => request.headers.get(name)?.split(",")[0]?.trim();
  const scheme = first("x-forwarded-proto") === "https" ? "https" : url.protocol.replace(":", "");
  const host = [first("x-forwarded-host"), request.headers.get("host") ?? undefined, url.host].find(
    (each) => each !== undefined && HOST.test(each),
  );
  const port = first("x-forwarded-port");
  const withPort = host && port && /^\d{1,5}$/.test(port) && !/:\d+$/.test(host) && !isDefault(scheme, port);
  const forwarded = first("x-forwarded-prefix") ?? "";
  const outer = PREFIX.test(forwarded) ? forwarded.replace(/\/+$/, "") : "";
  const inner = hasPrefix(url.pathname, settings.pathPrefix) ? settings.pathPrefix : "";
  return `${scheme}://${host ?? "localhost"}${withPort ? `:${port}` : ""}${outer}${inner}`;
}

/** The path routes know: without the deployment's prefix, doubled slashes and one at the end. */
export function routePath(pathname: string, pathPrefix: string): string {
  const path = hasPrefix(pathname, pathPrefix) ? pathname.slice(pathPrefix.length) : pathname;
  return path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "") || "/";
}

function hasPrefix(pathname: string, prefix: string): boolean {
  return prefix !== "" && (pathname === prefix || pathname.startsWith(`${prefix}/`));
}

function isDefault(scheme: string, port: string): boolean {
  return (scheme === "https" && port === "443") || (scheme === "http" && port === "80");
}
