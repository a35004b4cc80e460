import { expect, test } from "vitest";
import { FakeClock } from "../../testing/fake-clock.ts";
import { EventStream } from "../events/event-stream.ts";
import type { LoadBalancerObservation } from "../haproxy/load-balancers.ts";
import { AgentMetrics } from "./metrics.ts";
import { metric } from "./prometheus-text.ts";

function make(observations: LoadBalancerObservation[] = []) {
  const clock = new FakeClock();
  const metrics = new AgentMetrics({
    clock,
    version: "1.2.3",
    nodeVersion: "v24",
    observe: async () => observations,
    heartbeats: () => ({ sent: 7, failed: 2, withheld: 1, bytes: 900 }),
    process: {
      read: () => ({
        cpuSeconds: 1.5,
        residentBytes: 60e6,
        heapUsedBytes: 9e6,
        externalBytes: 2e6,
        eventLoopDelaySeconds: { worst: 0.25, mean: 0.001 },
      }),
    },
    eventRing: () => ({ kept: 3, capacity: 1024 }),
  });
  return { clock, metrics };
}

/** Follows the stream until everything published so far is counted. */
async function count(metrics: AgentMetrics, stream: EventStream, clock: FakeClock): Promise<void> {
  const stop = new AbortController();
  const following = metrics.follow(stream.follow(0, stop.signal));
  await clock.advance(0);
  stop.abort();
  await following;
}

test.for([
  { name: "quotes", value: 'a"b', want: 'm{l="a\\"b"} 1\n' },
  { name: "backslashes", value: "a\\b", want: 'm{l="a\\\\b"} 1\n' },
  { name: "line ends", value: "a\nb 2", want: 'm{l="a\\nb 2"} 1\n' },
])("$name in a label cannot break the line", ({ value, want }) => {
  expect(metric("m", "gauge", "Help.", [{ value: 1, labels: { l: value } }])).toBe(
    `# HELP m Help.\n# TYPE m gauge\n${want}`,
  );
});

test.for([
  { value: Number.POSITIVE_INFINITY, want: "m +Inf\n" },
  { value: Number.NEGATIVE_INFINITY, want: "m -Inf\n" },
  { value: Number.NaN, want: "m NaN\n" },
  { value: 0.001, want: "m 0.001\n" },
])("the number $value is written as the format wants it", ({ value, want }) => {
  expect(metric("m", "gauge", "Help.", value).split("# TYPE m gauge\n")[1]).toBe(want);
});

test("a metric without samples is not mentioned", () => {
  expect(metric("m", "counter", "Help.", [])).toBe("");
});

test("an idle agent without load balancers renders what it knows, each line well-formed", async () => {
  const { clock, metrics } = make();
  await clock.advance(12_500);
  const text = await metrics.render();
  expect(text).toContain('krater_agent_info{version="1.2.3",node="v24"} 1\n');
  expect(text).toContain("krater_agent_uptime_seconds 12.5\n");
  expect(text).toContain("process_cpu_seconds_total 1.5\n");
  expect(text).toContain('krater_heartbeats_total{result="sent"} 7\n');
  expect(text).toContain('krater_heartbeats_total{result="failed"} 2\n');
  expect(text).toContain('krater_heartbeats_total{result="withheld"} 1\n');
  expect(text).toContain("krater_heartbeat_bytes_total 900\n");
  expect(text).toContain("krater_agent_event_ring_capacity 1024\n");
  expect(text).toContain('krater_agent_event_loop_delay_seconds{kind="worst"} 0.25\n');
  expect(text).not.toContain("krater_haproxy_running");
  const wellFormed = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? (-?[0-9.e+-]+|[+-]Inf|NaN))$/;
  expect(
    text
      .trimEnd()
      .split("\n")
      .filter((line) => !wellFormed.test(line)),
  ).toEqual([]);
});

test("haproxy's state, restarts and caps are told per load balancer", async () => {
  const { metrics } = make([
    {
      loadBalancerId: "lb1",
      statisticsSocket: "/lb1.sock",
      haproxy: { state: "running", masterPid: 1, sinceMs: 0 },
      maxconn: { wanted: 50_000, capped: 7_900, openFilesLimit: 20_000 },
      restarts: 2,
    },
    { loadBalancerId: "lb2", statisticsSocket: "/lb2.sock", haproxy: { state: "stopped" }, restarts: 0 },
  ]);
  const text = await metrics.render();
  expect(text).toContain(
    'krater_haproxy_running{load_balancer="lb1"} 1\nkrater_haproxy_running{load_balancer="lb2"} 0\n',
  );
  expect(text).toContain('krater_haproxy_restarts_total{load_balancer="lb1"} 2\n');
  expect(text).not.toContain('krater_haproxy_maxconn_capped{load_balancer="lb2"}');
  expect(text).toContain('krater_haproxy_maxconn_capped{load_balancer="lb1"} 7900\n');
});

test("events are counted as they pass, applies by how", async () => {
  const { clock, metrics } = make();
  const stream = new EventStream(clock);
  stream.publish("load-balancer.applied", { loadBalancerId: "lb1", how: "start", tookMs: 500 });
  stream.publish("load-balancer.applied", { loadBalancerId: "lb1", how: "reload", tookMs: 250 });
  stream.publish("load-balancer.applied", { loadBalancerId: "lb1", how: "reload", tookMs: 250 });
  stream.publish("load-balancer.apply-failed", { loadBalancerId: "lb1", reason: "no" });
  stream.publish("haproxy.died", { loadBalancerId: "lb1", pid: 1, reason: "SIGKILL" });
  await count(metrics, stream, clock);
  const text = await metrics.render();
  expect(text).toContain('krater_applies_total{how="start"} 1\nkrater_applies_total{how="reload"} 2\n');
  expect(text).toContain("krater_apply_seconds_total 1\n");
  expect(text).toContain("krater_apply_failures_total 1\n");
  expect(text).toContain("krater_haproxy_deaths_total 1\n");
  expect(text).toContain('krater_agent_events_total{event="load-balancer.applied"} 3\n');
});

test("events overwritten before they were counted are counted as missed", async () => {
  const { clock, metrics } = make();
  const stream = new EventStream(clock, 2);
  for (let n = 0; n < 5; n++) stream.publish("load-balancer.stopped", { loadBalancerId: "lb1" });
  await count(metrics, stream, clock);
  const text = await metrics.render();
  expect(text).toContain("krater_agent_events_missed_total 3\n");
  expect(text).toContain('krater_agent_events_total{event="load-balancer.stopped"} 2\n');
});
