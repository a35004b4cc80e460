import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { AgentStatus } from "../../contract/krater.ts";
import { AgentError } from "../../core/agent-error.ts";
import type { Metrics } from "../../core/metrics/metrics.ts";
import type { EventReaders } from "./event-readers.ts";
import { json, type Route, reply } from "./routes.ts";

export interface KraterDependencies {
  status(): Promise<AgentStatus>;
  metrics: Metrics;
  events: EventReaders;
  /** The committed OpenAPI document. */
  openapi: unknown;
}

/** `/krater/v1`: what a stock amphora cannot say. Reading only, so far. */
export function kraterRoutes(deps: KraterDependencies): Route[] {
  const status: Route["handle"] = async (context) => json(context, 200, await deps.status());

  const metrics: Route["handle"] = async (context) =>
    reply(context, 200, "text/plain; version=0.0.4", await deps.metrics.render());

  const events: Route["handle"] = async (context) => {
    const since = resumePoint(context.req.header("last-event-id") ?? context.req.query("since"));
    if (context.req.method === "HEAD") return context.body(null, 200, { "content-type": "text/event-stream" });
    deps.events.attach(context.env.outgoing, since);
    return RESPONSE_ALREADY_SENT;
  };

  const openapi: Route["handle"] = async (context) => json(context, 200, deps.openapi);

  return [
    { method: "GET", path: "/krater/v1/status", group: "observe", handle: status },
    { method: "GET", path: "/krater/v1/metrics", group: "observe", handle: metrics },
    { method: "GET", path: "/krater/v1/events", group: "observe", handle: events },
    { method: "GET", path: "/krater/v1/openapi.json", group: "observe", handle: openapi },
  ];
}

/** `<runId>:<sequence>` as our `id:` lines have it, or a bare sequence of the present run. Nothing: from now on. */
function resumePoint(text: string | undefined): { runId?: string; sequence: number } | undefined {
  if (text === undefined || text === "") return undefined;
  const parts = /^(?:(?<runId>[a-z0-9]{1,16}):)?(?<sequence>\d{1,15})$/.exec(text)?.groups;
  if (!parts) throw new AgentError("bad-request", "Last-Event-ID or since is not an event id.");
  const { runId, sequence } = parts;
  return { sequence: Number(sequence), ...(runId === undefined ? {} : { runId }) };
}
