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
  const status: Route["handle"] = async () => json(200, await deps.status());

  const metrics: Route["handle"] = async () => reply(200, "text/plain; version=0.0.4", await deps.metrics.render());

  const events: Route["handle"] = async (context) => {
    const since = resumePoint(
      context.header("last-event-id") ?? new URLSearchParams(context.query).get("since") ?? undefined,
    );
    if (context.method === "HEAD") return { status: 200, headers: { "content-type": "text/event-stream" } };
    deps.events.attach(context.outgoing, since);
    return undefined;
  };

  const openapi: Route["handle"] = async () => json(200, deps.openapi);

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
