import * as z from "zod/mini";

/** Bodies of `/krater/v1`. */

const haproxyState = z.discriminatedUnion("state", [
  z.object({ state: z.literal("running"), masterPid: z.int(), sinceMs: z.int() }),
  z.object({ state: z.literal("stopped") }),
  z.object({ state: z.literal("restarting"), reason: z.string(), attempt: z.int() }),
]);

export const loadBalancerStatus = z.object({
  id: z.string(),
  haproxy: haproxyState,
  /** How often haproxy had to be started again after an unexpected end. */
  restarts: z.int(),
  /** Present when the agent lowered `maxconn` to what the limit of open files allows. */
  maxconn: z.optional(z.object({ wanted: z.int(), capped: z.int(), openFilesLimit: z.int() })),
});
export type LoadBalancerStatus = z.infer<typeof loadBalancerStatus>;

/** `GET /krater/v1/status` */
export const agentStatus = z.object({
  version: z.string(),
  amphoraId: z.string(),
  startedAtMs: z.int(),
  uptimeSeconds: z.number(),
  topology: z.enum(["SINGLE", "ACTIVE_STANDBY"]),
  supervisor: z.enum(["systemd", "spawn"]),
  serverCertificate: z.object({ notAfter: z.string(), sha256: z.string() }),
  events: z.object({ runId: z.string(), newest: z.int() }),
  loadBalancers: z.array(loadBalancerStatus),
});
export type AgentStatus = z.infer<typeof agentStatus>;

/** The `data` of one server-sent event; its `id` is `<runId>:<sequence>`, its `event` the name. */
export const eventData = z.object({ atMs: z.int(), data: z.record(z.string(), z.unknown()) });
export type EventData = z.infer<typeof eventData>;

/** `data` of the event `event-gone`: events between the last one read and the next are no longer kept. */
export const eventGone = z.object({
  /** null: the reader followed an earlier run of the agent. */
  missed: z.nullable(z.int()),
});
export type EventGone = z.infer<typeof eventGone>;
