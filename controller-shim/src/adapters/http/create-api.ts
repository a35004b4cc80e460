import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { ApiContext } from "../../core/api/context.ts";
import { ApiFault } from "../../core/api/fault.ts";
import { unwrap } from "../../core/api/fields.ts";
import { shimStatus } from "../../core/api/shim-status.ts";
import type { Log } from "../../core/log.ts";
import { authenticate, type Credentials, challenge } from "./authentication.ts";
import { baseUrl, routePath } from "./base-url.ts";
import { faultBody, faultOf } from "./faults.ts";
import { loadBalancerRoutes } from "./load-balancer-routes.ts";
import { otherRoutes } from "./other-routes.ts";
import { BODY_MAX_BYTES, readJson } from "./request-body.ts";
import { type Answer, type Call, type Method, ok, type Route } from "./routes.ts";
import { versionDocument } from "./version-document.ts";

export interface ApiSettings {
  /** Who may call; nobody set: everybody. */
  credentials?: Credentials;
  /** Where clients find us, when a proxy stands in front that does not say so in X-Forwarded-*. */
  publicUrl?: string | undefined;
  /** Also accepted before every path: `/load-balancer`. */
  pathPrefix?: string;
}

interface Environment {
  Variables: { requestId: string; startedMs: number };
}
/** The shim's whole HTTP API. Discovery and the health check need no authentication; everything else may. */
export function createApi(context: ApiContext & { log: Log }, settings: ApiSettings = {}): Hono<Environment> {
  const pathPrefix = (settings.pathPrefix ?? "").replace(/\/+$/, "");
  const credentials = settings.credentials ?? {};
  const base = (request: Request) => baseUrl(request, { publicUrl: settings.publicUrl, pathPrefix });
  const app = new Hono<Environment>({
    getPath: (request) => routePath(new URL(request.url).pathname, pathPrefix),
  });

  app.use(async (http, next) => {
    http.set("requestId", `req-${randomUUID()}`);
    http.set("startedMs", context.clock.monotonicMs());
    await next();
    http.header("x-openstack-request-id", http.get("requestId"));
    note(context, http);
  });
  app.use(async (http, next) => {
    checkAccept(http.req.header("accept"));
    await next();
  });

  const serve = (path: string, methods: Route["methods"], isOpen = false) => {
    for (const [method, handle] of Object.entries(methods) as [Method, (call: Call) => Promise<Answer>][]) {
      app.on(method, path, async (http) => {
        if (!isOpen) authenticate(http.req.raw.headers, credentials);
        return respond(http, await handle(callOf(context, http, base(http.req.raw))));
      });
    }
    app.all(path, (http) => {
      if (!isOpen) authenticate(http.req.raw.headers, credentials);
      const allowed = Object.keys(methods);
      http.header("allow", (allowed.includes("GET") ? [...allowed, "HEAD"] : allowed).join(", "));
      throw new ApiFault("method-not-allowed", `Method ${http.req.method} is not allowed here.`);
    });
  };

  const versions: Route["methods"] = { GET: async ({ base }) => ok(versionDocument(base)) };
  for (const path of ["/", "/v2", "/v2.0"]) serve(path, versions, true);
  serve("/healthcheck", { GET: async () => ok(await checkHealth(context)) }, true);
  serve("/krater/v1/status", { GET: async () => ok(await shimStatus(context)) });
  serve("/krater/v1/events", {
    GET: async ({ query }) => ok({ events: context.events.since(sequenceOf(query.get("since"))) }),
  });
  for (const prefix of ["/v2", "/v2.0"]) {
    for (const { path, methods } of [...loadBalancerRoutes, ...otherRoutes]) serve(`${prefix}${path}`, methods);
  }
  // The CLI asks an identity service for projects; 403 makes it take the id it was given as it is.
  for (const path of ["/projects", "/projects/*", "/v3/projects", "/v3/projects/*"]) {
    app.all(path, () => {
      throw new ApiFault("forbidden", "There is no identity service here: give the project's id.");
    });
  }

  app.notFound((http) => {
    authenticate(http.req.raw.headers, credentials);
    throw new ApiFault("not-found", `There is nothing at ${http.req.path}.`);
  });
  app.onError((error, http) => {
    const requestId = http.get("requestId");
    const { status, text, expected } = faultOf(error, requestId);
    if (!expected) context.log.error({ event: "api.failed", requestId, error: error.stack }, "a request failed");
    if (status === 401) http.header("www-authenticate", challenge(credentials));
    if (status === 413) http.header("connection", "close");
    if (status === 503) http.header("retry-after", "5");
    return http.json(faultBody(status, text), status as 400);
  });
  return app;
}

type Http = Context<Environment>;

function callOf(context: ApiContext, http: Http, base: string): Call {
  return {
    context,
    params: http.req.param(),
    query: new URL(http.req.url).searchParams,
    base,
    self: `${base}${http.req.path}`,
    body: async (root, maximumBytes = BODY_MAX_BYTES) => unwrap(root, await readJson(http.req.raw, maximumBytes)),
  };
}

function respond(http: Http, { status, body }: Answer): Response {
  if (body === undefined) return http.body(null, status as 204);
  return http.json(body as object, status as 200);
}

/** Missing, empty and wildcards are fine; somebody who cannot read JSON is told so. */
function checkAccept(accept: string | undefined): void {
  if (accept === undefined || accept.trim() === "") return;
  const kinds = accept.split(",").map((each) => each.split(";")[0]?.trim().toLowerCase());
  if (!kinds.some((kind) => kind === "*/*" || kind === "application/*" || kind === "application/json")) {
    throw new ApiFault("not-acceptable", "Only application/json is served here.");
  }
}

function sequenceOf(text: string | null): number {
  if (text !== null && !/^\d{1,15}$/.test(text)) throw new ApiFault("invalid", "since: a number was expected.");
  return Number(text ?? "0");
}

/** The state database answers: that is what health is here. */
async function checkHealth({ store }: ApiContext): Promise<object> {
  await store.get("load_balancer", "nobody");
  return { status: "OK" };
}

/** Writes are worth a line, and so is what the shim itself got wrong. */
function note({ log, clock }: ApiContext & { log: Log }, http: Http): void {
  const { method, path } = http.req;
  const { status } = http.res;
  const fields = {
    event: "api.answered",
    requestId: http.get("requestId"),
    method,
    path,
    status,
    tookMs: Math.round(clock.monotonicMs() - http.get("startedMs")),
  };
  if (method === "GET" || method === "HEAD") log.debug(fields, "request answered");
  else log.info(fields, "request answered");
}
