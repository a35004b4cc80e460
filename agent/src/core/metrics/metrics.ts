import type { Clock } from "../clock.ts";
import type { AgentEvent, AgentEventName } from "../events/agent-events.ts";
import type { StreamItem } from "../events/event-stream.ts";
import type { LoadBalancerObservation } from "../haproxy/load-balancers.ts";
import type { HeartbeatCounts } from "../heartbeat/loop.ts";
import { metric, type Sample } from "./prometheus-text.ts";

export interface Metrics {
  /** Everything the agent counts, in Prometheus text format 0.0.4. */
  render(): Promise<string>;
}

/** What the operating system and the runtime know of this process. */
export interface ProcessFacts {
  read(): {
    cpuSeconds: number;
    residentBytes: number;
    heapUsedBytes: number;
    externalBytes: number;
    /** How late timers fired since the last read: what a fence or a beat would have waited. */
    eventLoopDelaySeconds: { worst: number; mean: number };
  };
}

export interface MetricsDependencies {
  clock: Clock;
  version: string;
  nodeVersion: string;
  observe(): Promise<LoadBalancerObservation[]>;
  heartbeats(): HeartbeatCounts;
  process: ProcessFacts;
  /** How many events the ring keeps now, and at most. */
  eventRing(): { kept: number; capacity: number };
}

/** Counts what passes through the event stream; what is a state is asked for when the text is rendered. */
export class AgentMetrics implements Metrics {
  readonly #deps: MetricsDependencies;
  readonly #startedMs: number;
  readonly #counted = new Map<AgentEventName, number>();
  readonly #applied = { start: 0, reload: 0 };
  #applySeconds = 0;
  #missed = 0;

  constructor(deps: MetricsDependencies) {
    this.#deps = deps;
    this.#startedMs = deps.clock.monotonicMs();
  }

  /** Reads the event stream to its end. A gap loses counts, so it is counted itself. */
  async follow(items: AsyncIterable<StreamItem>): Promise<void> {
    for await (const item of items) {
      if (item.kind === "event") this.#record(item.event);
      else this.#missed += item.missed ?? 0;
    }
  }

  #record(event: AgentEvent): void {
    this.#counted.set(event.name, this.#count(event.name) + 1);
    if (event.name === "load-balancer.applied") {
      this.#applied[event.data.how]++;
      this.#applySeconds += event.data.tookMs / 1000;
    }
  }

  #count(name: AgentEventName): number {
    return this.#counted.get(name) ?? 0;
  }

  async render(): Promise<string> {
    const loadBalancers = await this.#deps.observe();
    return this.#agent() + this.#changes() + this.#heartbeats() + haproxies(loadBalancers);
  }

  #agent(): string {
    const { clock, version, nodeVersion } = this.#deps;
    const facts = this.#deps.process.read();
    const ring = this.#deps.eventRing();
    return (
      metric("krater_agent_info", "gauge", "Versions of the agent and its runtime.", [
        { value: 1, labels: { version, node: nodeVersion } },
      ]) +
      metric(
        "krater_agent_uptime_seconds",
        "gauge",
        "Since the agent started.",
        (clock.monotonicMs() - this.#startedMs) / 1000,
      ) +
      metric("process_cpu_seconds_total", "counter", "User and system CPU time of the agent.", facts.cpuSeconds) +
      metric("process_resident_memory_bytes", "gauge", "Resident memory of the agent.", facts.residentBytes) +
      metric("krater_agent_heap_used_bytes", "gauge", "JavaScript heap in use.", facts.heapUsedBytes) +
      metric(
        "krater_agent_external_bytes",
        "gauge",
        "Memory outside the JavaScript heap, buffers for example.",
        facts.externalBytes,
      ) +
      metric("krater_agent_event_loop_delay_seconds", "gauge", "Lateness of timers since the last scrape.", [
        { value: facts.eventLoopDelaySeconds.worst, labels: { kind: "worst" } },
        { value: facts.eventLoopDelaySeconds.mean, labels: { kind: "mean" } },
      ]) +
      metric(
        "krater_agent_events_total",
        "counter",
        "Events since the agent started, by name.",
        [...this.#counted].map(([event, value]) => ({ value, labels: { event } })),
      ) +
      metric(
        "krater_agent_events_missed_total",
        "counter",
        "Events that were overwritten before they were counted.",
        this.#missed,
      ) +
      metric("krater_agent_event_ring_events", "gauge", "Events a reader can still ask for.", ring.kept) +
      metric("krater_agent_event_ring_capacity", "gauge", "Events kept at most.", ring.capacity)
    );
  }

  #changes(): string {
    return (
      metric("krater_applies_total", "counter", "Configurations applied.", [
        { value: this.#applied.start, labels: { how: "start" } },
        { value: this.#applied.reload, labels: { how: "reload" } },
      ]) +
      metric("krater_apply_seconds_total", "counter", "Time spent applying.", this.#applySeconds) +
      metric(
        "krater_apply_failures_total",
        "counter",
        "Applications that failed.",
        this.#count("load-balancer.apply-failed"),
      ) +
      metric(
        "krater_maxconn_caps_total",
        "counter",
        "Times maxconn was lowered to fit the limit of open files.",
        this.#count("load-balancer.maxconn-capped"),
      ) +
      metric(
        "krater_haproxy_deaths_total",
        "counter",
        "Times haproxy ended without being asked to.",
        this.#count("haproxy.died"),
      )
    );
  }

  #heartbeats(): string {
    const { sent, failed, withheld, bytes } = this.#deps.heartbeats();
    return (
      metric("krater_heartbeats_total", "counter", "Heartbeats by what became of them.", [
        { value: sent, labels: { result: "sent" } },
        { value: failed, labels: { result: "failed" } },
        { value: withheld, labels: { result: "withheld" } },
      ]) + metric("krater_heartbeat_bytes_total", "counter", "Bytes of the heartbeats sent.", bytes)
    );
  }
}

function haproxies(loadBalancers: LoadBalancerObservation[]): string {
  const samples = (pick: (each: LoadBalancerObservation) => number | undefined): Sample[] =>
    loadBalancers.flatMap((each) => {
      const value = pick(each);
      return value === undefined ? [] : [{ value, labels: { load_balancer: each.loadBalancerId } }];
    });
  return (
    metric(
      "krater_haproxy_running",
      "gauge",
      "1 when haproxy of this load balancer runs.",
      samples((each) => Number(each.haproxy.state === "running")),
    ) +
    metric(
      "krater_haproxy_restarts_total",
      "counter",
      "Restarts after an unexpected end.",
      samples((each) => each.restarts),
    ) +
    metric(
      "krater_haproxy_maxconn_wanted",
      "gauge",
      "maxconn as pushed, where it was lowered.",
      samples((each) => each.maxconn?.wanted),
    ) +
    metric(
      "krater_haproxy_maxconn_capped",
      "gauge",
      "maxconn as run, where it was lowered.",
      samples((each) => each.maxconn?.capped),
    )
  );
}
