import type { ApiContext } from "../../core/api/context.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One request as a use case sees it. */
export interface Call {
  context: ApiContext;
  /** `:id` and `:parent` of the path. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** Where the client finds us, without a slash at the end. */
  base: string;
  /** Absolute URL of the request without its query, for paging links. */
  self: string;
  /** The JSON body, below its root key. */
  body(root: string, maximumBytes?: number): Promise<unknown>;
}

export interface Answer {
  status: 200 | 201 | 202 | 204;
  body?: unknown;
}

export interface Route {
  /** Below `/v2` and `/v2.0`. */
  path: string;
  methods: Partial<Record<Method, (call: Call) => Promise<Answer>>>;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });
/** 202 and 204 are without a body: the action goes on, or there is nothing left to show. */
export const accepted: Answer = { status: 202 };
export const gone: Answer = { status: 204 };

export const id = (call: Call) => call.params["id"] ?? "";
export const parent = (call: Call) => call.params["parent"] ?? "";
