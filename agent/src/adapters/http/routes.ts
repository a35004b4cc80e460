import type { ServerResponse } from "node:http";
import type { RouteGroup } from "../../core/access/permissions.ts";
import type { Caller } from "../../core/access/roles.ts";
import type { Subject } from "./problem-bodies.ts";
import type { ReceivedBody } from "./request-body.ts";

/** A request, as the server hands it to the application (or a test does). */
export interface ReceivedRequest {
  method: string;
  /** Percent-encoded and checked (`request-target.ts`). */
  path: string;
  /** With its question mark; empty when there is none. */
  query: string;
  header(name: string): string | undefined;
  caller: Caller;
  /** Aborts at the request's deadline and when the agent stops; not when the client goes, who will ask again. */
  signal: AbortSignal;
  readBody(limitBytes: number): Promise<ReceivedBody>;
  /** For a long answer, until it has left; throws `busy` when too many are under way. */
  holdMemory(bytes: number): void;
  /** For answers that go on: only the event stream takes it. */
  outgoing: ServerResponse;
}

/** A request on its way through its route. */
export interface RouteContext extends ReceivedRequest {
  /** By name, still percent-encoded. */
  parameters: Readonly<Record<string, string>>;
  /** Whom an error will speak of. */
  subject: Subject;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: string | Buffer;
}

/** One row of the route table. `HEAD`, `OPTIONS`, 405 and the permissions follow from the table. */
export interface Route {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** `:name` is one segment. */
  path: string;
  group: RouteGroup;
  /** Undefined: the route has taken `outgoing` over. */
  handle(context: RouteContext): Promise<Answer | undefined>;
}

/** JSON as the original sends it: no charset, and a length also for HEAD. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return reply(status, "application/json", JSON.stringify(body), headers);
}

export function reply(
  status: number,
  contentType: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Answer {
  const length = String(Buffer.byteLength(body));
  return { status, headers: { "content-type": contentType, ...headers, "content-length": length }, body };
}

/** A path parameter, decoded (`request-target.ts` has proven that it can be). Only asked for where the pattern has it. */
export function parameter(context: RouteContext, name: string): string {
  return decodeURIComponent(context.parameters[name] ?? "");
}
