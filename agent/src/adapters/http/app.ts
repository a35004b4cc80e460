import { Hono } from "hono/tiny";
import { mayUse, type RouteGroup } from "../../core/access/permissions.ts";
import { AgentError } from "../../core/agent-error.ts";
import type { Log } from "../../core/log.ts";
import { octaviaBody, problemDocument, statusOf } from "./problem-bodies.ts";
import { type AppContext, type AppEnvironment, json, type Route } from "./routes.ts";

/**
 * The route table as a hono application. Methods a path has not, paths nobody has, and callers a group does not
 * admit are answered here, from the same table, in the shape of the API that was asked.
 */
export function buildApp(routes: readonly Route[], log: Log): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>({ getPath: (_request, options) => options?.env?.path ?? "/" });

  for (const route of routes) {
    app.on(route.method, route.path, (context) => {
      const { path } = context.env;
      if (path !== "/" && path.endsWith("/")) return context.notFound(); // the router would let it pass
      context.set("subject", {});
      admit(context, route.group);
      return route.handle(context);
    });
  }

  app.notFound((context) => {
    context.set("subject", {});
    return answer(context, () => {
      const { path } = context.env;
      const matching = routes.filter((route) => patternOf(route.path).test(path) || path === "*");
      admit(context, matching[0]?.group ?? groupOf(path));
      const allow = allowedMethods(matching);
      if (matching.length === 0) throw new AgentError("route-not-found", "There is nothing at this path.");
      if (context.req.method === "OPTIONS") return context.body(null, 200, { allow, "content-length": "0" });
      context.header("allow", allow);
      throw new AgentError("method-not-allowed", "The method is not allowed at this path.");
    });
  });

  app.onError((error, context) => failure(error, context));

  return app;

  function answer(context: AppContext, produce: () => Response): Response {
    try {
      return produce();
    } catch (error) {
      return failure(error, context);
    }
  }

  function admit(context: AppContext, group: RouteGroup): void {
    const { caller, path } = context.env;
    if (mayUse(caller, group)) return;
    log.warn({ event: "access.denied", caller, method: context.req.method, path }, "access denied");
    throw new AgentError("forbidden", `The role of this certificate (${caller}) does not reach here.`);
  }

  function failure(error: unknown, context: AppContext): Response {
    const { path } = context.env;
    const known = error instanceof AgentError ? error : new AgentError("internal", "internal error", { cause: error });
    const status = statusOf[known.code];
    if (status >= 500) logFailure(known, context);
    if (isKrater(path)) {
      return json(context, status, problemDocument(known, path), { "content-type": "application/problem+json" });
    }
    return json(context, status, octaviaBody(known, context.get("subject") ?? {}));
  }

  function logFailure(error: AgentError, context: AppContext): void {
    const { method } = context.req;
    const cause = error.cause instanceof Error ? error.cause : undefined;
    log.error(
      {
        event: "request.failed",
        method,
        path: context.env.path,
        code: error.code,
        details: error.details,
        cause: cause?.message,
        stack: error.code === "internal" ? cause?.stack : undefined,
      },
      error.message,
    );
  }
}

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
