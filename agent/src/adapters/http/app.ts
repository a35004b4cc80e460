import { PatternRouter } from "hono/router/pattern-router";
import { mayUse, type RouteGroup } from "../../core/access/permissions.ts";
import { AgentError } from "../../core/agent-error.ts";
import type { Log } from "../../core/log.ts";
import { octaviaBody, problemDocument, statusOf } from "./problem-bodies.ts";
import { type Answer, json, type ReceivedRequest, type Route, type RouteContext } from "./routes.ts";

/** Answers a request; undefined when the route has taken the response over. Never rejects. */
export type Application = (request: ReceivedRequest) => Promise<Answer | undefined>;

/**
 * The route table behind hono's router. Methods a path has not, paths nobody has, and callers a group does not admit
 * are answered here, from the same table, in the shape of the API that was asked. Of hono only the router: its
 * requests and answers are the platform's fetch classes, which cost the agent 8 MB and 20 ms of its start (measured).
 */
export function buildApp(routes: readonly Route[], log: Log): Application {
  const router = new PatternRouter<Route>();
  for (const route of routes) router.add(route.method, route.path, route);

  return async (request) => {
    const context: RouteContext = { ...request, parameters: {}, subject: {} };
    const answer = await dispatch(context).catch((error: unknown) => failure(error, context));
    if (!answer || request.method !== "HEAD") return answer;
    return { status: answer.status, headers: answer.headers }; // the length of what a GET would get, without it
  };

  async function dispatch(context: RouteContext): Promise<Answer | undefined> {
    const { path } = context;
    const method = context.method === "HEAD" ? "GET" : context.method;
    // The router would let a trailing slash pass; the original has nothing there.
    const [found] = path !== "/" && path.endsWith("/") ? [] : (router.match(method, path)[0] as [Route, Params][]);
    if (!found) return noSuchRoute(context);
    const [route, parameters] = found;
    context.parameters = parameters;
    admit(context, route.group);
    return route.handle(context);
  }

  function noSuchRoute(context: RouteContext): Answer {
    const { path } = context;
    const matching = routes.filter((route) => patternOf(route.path).test(path) || path === "*");
    admit(context, matching[0]?.group ?? groupOf(path));
    const allow = allowedMethods(matching);
    if (matching.length === 0) throw new AgentError("route-not-found", "There is nothing at this path.");
    if (context.method === "OPTIONS") return { status: 200, headers: { allow, "content-length": "0" } };
    const refusal = failure(new AgentError("method-not-allowed", "The method is not allowed at this path."), context);
    return { ...refusal, headers: { ...refusal.headers, allow } };
  }

  function admit(context: RouteContext, group: RouteGroup): void {
    const { caller, path } = context;
    if (mayUse(caller, group)) return;
    log.warn({ event: "access.denied", caller, method: context.method, path }, "access denied");
    throw new AgentError("forbidden", `The role of this certificate (${caller}) does not reach here.`);
  }

  function failure(error: unknown, context: RouteContext): Answer {
    const { path } = context;
    const known = error instanceof AgentError ? error : new AgentError("internal", "internal error", { cause: error });
    const status = statusOf[known.code];
    if (status >= 500) logFailure(known, context);
    if (isKrater(path)) {
      return json(status, problemDocument(known, path), { "content-type": "application/problem+json" });
    }
    return json(status, octaviaBody(known, context.subject));
  }

  function logFailure(error: AgentError, context: RouteContext): void {
    const { method } = context;
    const cause = error.cause instanceof Error ? error.cause : undefined;
    log.error(
      {
        event: "request.failed",
        method,
        path: context.path,
        code: error.code,
        details: error.details,
        cause: cause?.message,
        stack: error.code === "internal" ? cause?.stack : undefined,
      },
      error.message,
    );
  }
}

type Params = Record<string, string>;

/** A path without a route belongs to the API its beginning names: an outsider is not told what exists. */
function groupOf(path: string): RouteGroup {
  if (isKrater(path)) return "observe";
  return path === "/1.0" || path.startsWith("/1.0/") ? "octavia" : "discovery";
}

function isKrater(path: string): boolean {
  return path === "/krater" || path.startsWith("/krater/");
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`);
}

function allowedMethods(routes: readonly Route[]): string {
  const methods = new Set(routes.map((route) => route.method));
  return [...methods, ...(methods.has("GET") ? ["HEAD"] : []), "OPTIONS"].toSorted().join(", ");
}
