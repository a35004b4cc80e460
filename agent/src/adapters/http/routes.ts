import type { ServerResponse } from "node:http";
import type { Context } from "hono";
import type { RouteGroup } from "../../core/access/permissions.ts";
import type { Caller } from "../../core/access/roles.ts";
import type { Subject } from "./problem-bodies.ts";
import type { ReceivedBody } from "./request-body.ts";

/** What a request brings, apart from its method: supplied by the server, or by a test. */
export interface RequestEnvironment {
  /** Percent-encoded and checked (`request-target.ts`). */
  path: string;
  caller: Caller;
  /** Aborts at the request's deadline and when the agent stops; not when the client goes, who will ask again. */
  signal: AbortSignal;
  readBody(limitBytes: number): Promise<ReceivedBody>;
  /** For a long answer, until it has left; throws `busy` when too many are under way. */
  holdMemory(bytes: number): void;
  /** For answers that go on: only the event stream takes it. */
  outgoing: ServerResponse;
}

export type AppEnvironment = { Bindings: RequestEnvironment; Variables: { subject: Subject } };
export type AppContext = Context<AppEnvironment>;

/** One row of the route table. `HEAD`, `OPTIONS`, 405 and the permissions follow from the table. */
export interface Route {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** `:name` is one segment. */
  path: string;
  group: RouteGroup;
  handle(context: AppContext): Promise<Response>;
}

/** JSON as the original sends it: no charset, and a length also for HEAD. */
export function json(context: AppContext, status: number, body: unknown, headers: Record<string, string> = {}) {
  return reply(context, status, "application/json", JSON.stringify(body), headers);
}

export function reply(
  context: AppContext,
  status: number,
  contentType: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Response {
  return context.body(typeof body === "string" ? body : (body as Uint8Array<ArrayBuffer>), status as 200, {
    "content-type": contentType,
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
  });
}

/** A path parameter, decoded. Only asked for where the pattern has it. */
export function parameter(context: AppContext, name: string): string {
  return context.req.param(name) ?? "";
}
