/** Everything that happens inside the agent, once, typed. Heartbeats, metrics, `/krater/v1/events` read from here. */
export interface AgentEvents {
  "agent.started": { version: string };
  "agent.stopping": { reason: string };
  "configuration.changed": { changed: string[]; source: "api" | "signal" };
  "certificate.replaced": { notAfter: string };
  "load-balancer.uploaded": { loadBalancerId: string; bytes: number };
  "load-balancer.applied": { loadBalancerId: string; how: "start" | "reload"; tookMs: number };
  "load-balancer.apply-failed": { loadBalancerId: string; reason: string };
  "load-balancer.stopped": { loadBalancerId: string };
  "load-balancer.deleted": { loadBalancerId: string };
  "load-balancer.maxconn-capped": { loadBalancerId: string; wanted: number; capped: number; openFilesLimit: number };
  "haproxy.died": { loadBalancerId: string; pid: number; reason: string };
  "haproxy.adopted": { loadBalancerId: string; pid: number };
  "haproxy.restarted": { loadBalancerId: string; pid: number; attempt: number };
  "heartbeat.withheld": { reason: string };
}

export type AgentEventName = keyof AgentEvents;

/** One event as readers see it: `sequence` grows by one for each event since the agent started. */
export type AgentEvent = {
  [Name in AgentEventName]: { sequence: number; atMs: number; name: Name; data: AgentEvents[Name] };
}[AgentEventName];

/** What writers need of the stream; `event-stream.ts` is the bounded implementation with resumable readers. */
export interface EventSink {
  publish<Name extends AgentEventName>(name: Name, data: AgentEvents[Name]): void;
}
