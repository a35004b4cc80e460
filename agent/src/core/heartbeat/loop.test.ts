import { expect, onTestFinished, test } from "vitest";
import type { HeartbeatMessage } from "../../contract/heartbeat.ts";
import { exampleConfiguration } from "../../testing/agent-configuration.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { openDatagram } from "../../testing/open-datagram.ts";
import type { AgentConfiguration, ControllerAddress } from "../configuration/agent-configuration.ts";
import type { LoadBalancerObservation } from "../haproxy/load-balancers.ts";
import { STATISTICS_COMMAND } from "../haproxy/statistics.ts";
import { type Heartbeats, startHeartbeats } from "./loop.ts";
import type { VrrpObservation } from "./vrrp-gate.ts";

const HEADER = "# pxname,svname,scur,stot,bin,bout,ereq,status,weight,\n";
const key = "insecure-test-key";

/** Everything around the loop, each part replaceable while it runs. */
class World {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly events: [string, unknown][] = [];
  readonly sent: { message: HeartbeatMessage; to: ControllerAddress; bytes: number }[] = [];
  readonly stop = new AbortController();
  configuration: AgentConfiguration = exampleConfiguration();
  vrrp: VrrpObservation = { configured: false };
  observations: LoadBalancerObservation[] = [];
  observe = async (): Promise<LoadBalancerObservation[]> => this.observations;
  /** Answers by socket path. */
  answers: Record<string, string | Error | undefined> = {};
  stored: string | undefined;
  write = async (text: string): Promise<void> => {
    this.stored = text;
  };
  send = async (datagram: Buffer, to: ControllerAddress): Promise<void> => {
    const opened = openDatagram(datagram, this.configuration.healthManager.heartbeatKey ?? key);
    if (!opened.ok) throw new Error(opened.why);
    this.sent.push({ message: opened.value as HeartbeatMessage, to, bytes: datagram.length });
  };
  heartbeats!: Heartbeats;

  start(): this {
    onTestFinished(() => this.stop.abort());
    this.heartbeats = startHeartbeats(
      {
        clock: this.clock,
        log: this.log,
        configuration: { current: () => this.configuration },
        events: { publish: (name, data) => void this.events.push([name, data]) },
        observe: () => this.observe(),
        sockets: {
          query: async (path, command) => {
            expect(command).toBe(STATISTICS_COMMAND);
            const answer = this.answers[path];
            if (typeof answer === "string") return answer;
            throw answer ?? new Error("connect ENOENT");
          },
        },
        counterStore: { read: async () => this.stored, write: (text) => this.write(text) },
        vrrp: { observe: async () => this.vrrp },
        datagrams: { send: (datagram, to) => this.send(datagram, to) },
      },
      this.stop.signal,
    );
    return this;
  }

  healthManager(changes: Partial<AgentConfiguration["healthManager"]>): void {
    this.configuration = exampleConfiguration({ healthManager: { ...this.configuration.healthManager, ...changes } });
  }

  runs(id: string, rows: string[]): void {
    const statisticsSocket = `/${id}.sock`;
    this.observations = [...this.observations.filter((each) => each.loadBalancerId !== id), running(id)];
    this.answers[statisticsSocket] = `${HEADER}${rows.map((row) => `${row}\n`).join("")}\n`;
  }

  warnings(): unknown[] {
    return this.log.lines.filter((line) => line.level !== "info").map((line) => line["reason"] ?? line.message);
  }
}

function running(loadBalancerId: string): LoadBalancerObservation {
  const haproxy = { state: "running" as const, masterPid: 1, sinceMs: 0 };
  return { loadBalancerId, statisticsSocket: `/${loadBalancerId}.sock`, haproxy, restarts: 0 };
}

test("the first beat goes out at start, before anything is configured, then one each interval", async () => {
  const world = new World().start();
  await world.clock.advance(0);
  expect(world.sent.map((each) => each.message)).toEqual([
    { id: world.configuration.amphoraAgent.amphoraId, seq: 0, listeners: {}, pools: {}, ver: 3 },
  ]);
  await world.clock.advance(9_999);
  expect(world.sent).toHaveLength(1);
  await world.clock.advance(20_001);
  expect(world.sent.map((each) => each.message.seq)).toEqual([0, 1, 2, 3]);
});

test("frontends become listeners, backends pools, and the numbers are differences", async () => {
  const world = new World();
  const rows = ["l1,FRONTEND,4,10,100,200,1,OPEN,,", "p1:l1,m1,0,0,0,0,,UP,0,", "p1:l1,BACKEND,0,0,0,0,,UP,1,"];
  world.runs("lb1", rows);
  world.start();
  await world.clock.advance(0);
  world.runs("lb1", ["l1,FRONTEND,3,11,150,200,1,FULL,,", ...rows.slice(1)]);
  await world.clock.advance(10_000);
  expect(world.sent.map((each) => each.message.listeners)).toEqual([
    { l1: { status: "OPEN", stats: { conns: 4, totconns: 10, rx: 100, tx: 200, ereq: 1 } } },
    { l1: { status: "FULL", stats: { conns: 3, totconns: 1, rx: 50, tx: 0, ereq: 0 } } },
  ]);
  expect(world.sent[1]?.message.pools).toEqual({ "p1:l1": { status: "UP", members: { m1: "DRAIN" } } });
  expect(JSON.parse(world.stored ?? "")).toEqual({ l1: { bin: 150, bout: 200, ereq: 1, stot: 11 } });
});

test.for([
  { name: "is stopped", haproxy: { state: "stopped" as const } },
  { name: "is being restarted", haproxy: { state: "restarting" as const, reason: "died", attempt: 1 } },
])("a load balancer whose haproxy $name is silently absent", async ({ haproxy }) => {
  const world = new World();
  world.runs("lb1", ["l1,FRONTEND,0,0,0,0,0,OPEN,,"]);
  world.observations.push({ ...running("lb2"), haproxy });
  world.start();
  await world.clock.advance(0);
  expect(Object.keys(world.sent[0]?.message.listeners ?? {})).toEqual(["l1"]);
  expect(world.warnings()).toEqual([]);
});

test.for([
  { name: "does not answer", answer: new Error("connect ECONNREFUSED") },
  { name: "answers garbage", answer: "Permission denied\n\n" },
  { name: "answers half a table", answer: `${HEADER}l2,FRONTEND,0,1` },
])("a load balancer that $name is left out, said once, and the others are reported", async ({ answer }) => {
  const world = new World();
  world.runs("lb1", ["l1,FRONTEND,0,0,0,0,0,OPEN,,"]);
  world.runs("lb2", ["l2,FRONTEND,0,0,0,0,0,OPEN,,"]);
  const good = world.answers["/lb2.sock"];
  world.answers["/lb2.sock"] = answer;
  world.start();
  await world.clock.advance(20_000);
  world.answers["/lb2.sock"] = good;
  await world.clock.advance(10_000);
  expect(world.sent.map((each) => Object.keys(each.message.listeners))).toEqual([["l1"], ["l1"], ["l1"], ["l1", "l2"]]);
  expect(world.log.lines.map((line) => line.event)).toEqual(["statistics.failed", "statistics.recovered"]);
});

test.for([
  { name: "no controllers", without: { controllers: [] }, reason: /controller_ip_port_list/ },
  { name: "no key", without: { heartbeatKey: undefined }, reason: /heartbeat_key/ },
])("with $name it says so once, counts nothing, and begins as soon as there are some", async ({ without, reason }) => {
  const world = new World();
  world.runs("lb1", ["l1,FRONTEND,0,1,100,0,0,OPEN,,"]);
  const { controllers, heartbeatKey } = world.configuration.healthManager;
  world.healthManager(without);
  world.start();
  await world.clock.advance(30_000);
  expect(world.sent).toEqual([]);
  expect(world.warnings()).toEqual([expect.stringMatching(reason)]);
  world.healthManager({ controllers, heartbeatKey });
  world.heartbeats.beatNow();
  await world.clock.advance(100);
  expect(world.sent[0]?.message).toMatchObject({ seq: 0, listeners: { l1: { stats: { rx: 100 } } } });
  expect(world.heartbeats.counts()).toMatchObject({ sent: 1, withheld: 4, failed: 0 });
});

test.for([
  { name: "no pid file", vrrp: { configured: true, pidFile: "missing" } as const },
  { name: "an unreadable pid file", vrrp: { configured: true, pidFile: "unreadable" } as const },
  { name: "a dead process", vrrp: { configured: true, pidFile: "present", pid: 7, alive: false } as const },
])("a keepalived with $name withholds the beat and its counters", async ({ vrrp }) => {
  const world = new World();
  world.runs("lb1", ["l1,FRONTEND,0,1,100,0,0,OPEN,,"]);
  world.vrrp = vrrp;
  world.start();
  await world.clock.advance(20_000);
  expect(world.sent).toEqual([]);
  expect(world.stored).toBeUndefined();
  expect(world.events).toEqual([
    ["heartbeat.withheld", { reason: expect.stringMatching(/^keepalived is configured/) }],
  ]);
  world.vrrp = { configured: true, pidFile: "present", pid: 7, alive: true };
  await world.clock.advance(10_000);
  expect(world.sent[0]?.message).toMatchObject({ seq: 0, listeners: { l1: { stats: { rx: 100 } } } });
});

test("beats go round the controllers, one each, also after a failed one", async () => {
  const world = new World();
  const controllers = [1, 2, 3].map((n) => ({ host: `192.0.2.${n}`, port: 5555 }));
  world.healthManager({ controllers });
  const tried: string[] = [];
  const send = world.send;
  world.send = async (datagram, to) => {
    tried.push(to.host);
    if (to.host === "192.0.2.2") throw new Error("network is unreachable");
    await send(datagram, to);
  };
  world.start();
  await world.clock.advance(40_000);
  expect(tried.map((host) => host.at(-1)).join("")).toBe("12312");
  expect(world.sent.map((each) => each.message.seq)).toEqual([0, 2, 3]);
  expect(world.heartbeats.counts()).toEqual({
    sent: 3,
    failed: 2,
    withheld: 0,
    bytes: world.sent.reduce((sum, each) => sum + each.bytes, 0),
  });
});

test("a new interval, key and controller list hold within a second", async () => {
  const world = new World().start();
  await world.clock.advance(2_000);
  world.healthManager({ heartbeatIntervalMs: 3_000, heartbeatKey: "new key", controllers: [{ host: "::1", port: 9 }] });
  await world.clock.advance(1_000);
  expect(world.sent).toHaveLength(2);
  expect(world.sent[1]?.to).toEqual({ host: "::1", port: 9 });
  await world.clock.advance(3_000);
  expect(world.sent).toHaveLength(3);
});

test("beatNow beats at once, a thousand calls are one more beat, and the interval starts again", async () => {
  const world = new World().start();
  await world.clock.advance(5_000);
  for (let n = 0; n < 1_000; n++) world.heartbeats.beatNow();
  await world.clock.advance(0);
  expect(world.sent).toHaveLength(2);
  world.heartbeats.beatNow();
  await world.clock.advance(99);
  expect(world.sent, "no more than ten a second").toHaveLength(2);
  await world.clock.advance(1);
  expect(world.sent).toHaveLength(3);
  await world.clock.advance(9_999);
  expect(world.sent).toHaveLength(3);
  await world.clock.advance(1);
  expect(world.sent).toHaveLength(4);
});

test("beatNow during a beat is not lost", async () => {
  const world = new World();
  const send = world.send;
  world.send = async (datagram, to) => {
    if (world.sent.length === 0) world.heartbeats.beatNow();
    await send(datagram, to);
  };
  world.start();
  await world.clock.advance(100);
  expect(world.sent).toHaveLength(2);
});

test.for([
  { name: "observing fails", broken: (world: World) => (world.observe = () => Promise.reject(new Error("no disk"))) },
  { name: "observing hangs", broken: (world: World) => (world.observe = () => new Promise(() => {})) },
])("when $name the beat is withheld, and the loop goes on", async ({ broken }) => {
  const world = new World();
  const observe = world.observe;
  broken(world);
  world.start();
  await world.clock.advance(20_000);
  expect(world.sent).toEqual([]);
  world.observe = observe;
  await world.clock.advance(20_000);
  expect(world.sent.length).toBeGreaterThan(0);
  expect(world.heartbeats.counts().failed).toBeGreaterThan(0);
});

test("a full disk does not silence the amphora", async () => {
  const world = new World();
  world.runs("lb1", ["l1,FRONTEND,0,1,100,0,0,OPEN,,"]);
  world.write = () => Promise.reject(new Error("ENOSPC"));
  world.start();
  await world.clock.advance(10_000);
  expect(world.sent.map((each) => each.message.listeners["l1"]?.stats.rx)).toEqual([100, 0]);
});

test("a message too large for a datagram is an error that names its size, and the counters advance", async () => {
  const world = new World();
  const members = Array.from({ length: 4_000 }, () => `p1:l1,${crypto.randomUUID()},0,0,0,0,,UP,1,`);
  world.runs("lb1", ["l1,FRONTEND,0,1,100,0,0,OPEN,,", ...members, "p1:l1,BACKEND,0,0,0,0,,UP,1,"]);
  world.start();
  await world.clock.advance(0);
  expect(world.sent).toEqual([]);
  const error = world.log.lines.find((line) => line.event === "heartbeat.oversized");
  expect(error).toMatchObject({ level: "error", message: expect.stringMatching(/\d{5,} bytes does not fit/) });
  expect(JSON.parse(world.stored ?? "")).toMatchObject({ l1: { bin: 100 } });
  expect(world.heartbeats.counts().failed).toBe(1);
});

test("2,500 members still fit: what is too large at the fast level is compressed harder", async () => {
  const world = new World();
  const members = Array.from({ length: 2_500 }, () => `p1:l1,${crypto.randomUUID()},0,0,0,0,,UP,1,`);
  world.runs("lb1", [...members, "p1:l1,BACKEND,0,0,0,0,,UP,1,"]);
  world.start();
  await world.clock.advance(0);
  expect(Object.keys(world.sent[0]?.message.pools["p1:l1"]?.members ?? {})).toHaveLength(2_500);
});

test("the key is in no log line", async () => {
  const world = new World();
  world.send = () => Promise.reject(new Error("unreachable"));
  world.runs("lb1", ["broken"]);
  world.start();
  await world.clock.advance(20_000);
  expect(JSON.stringify(world.log.lines)).not.toContain(key);
});

test("an aborted signal ends the loop at once, also in the middle of an interval", async () => {
  const world = new World().start();
  await world.clock.advance(1_500);
  world.stop.abort();
  await world.heartbeats.stopped;
  await world.clock.advance(60_000);
  expect(world.sent).toHaveLength(1);
});
