import { createHmac } from "node:crypto";
import { deflateSync } from "node:zlib";
import type { HeartbeatMessage } from "@krater/agent/contract";
import { beforeEach, expect, test } from "vitest";
import { exampleListener, exampleLoadBalancer, exampleMember, examplePool } from "../../testing/example-rows.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeMachine } from "../../testing/fake-machine.ts";
import { lifecycleOf, silentLog, storePendingLoadBalancer } from "../../testing/lifecycle-harness.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { BoundedEventLog } from "../events/event-log.ts";
import { LoadBalancerReconciler } from "../lifecycle/reconcile-load-balancer.ts";
import type { AmphoraRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import { AmphoraHealth } from "./amphora-health.ts";
import { AmphoraWatch } from "./amphora-watch.ts";
import { heartbeatKey } from "./open-heartbeat.ts";
import { StatisticsBuffer } from "./statistics.ts";

const signal = new AbortController().signal;
const listenerId = exampleListener().id;
const poolKey = `${examplePool().id}:${listenerId}`;
const memberId = exampleMember().id;

let store: CountingStore;
let clock: FakeClock;
let machine: FakeMachine;
let events: BoundedEventLog;
let health: AmphoraHealth;
let statistics: StatisticsBuffer;
let amphora: AmphoraRow;

/** Counts transactions: each is a write to the disk of a real one. */
class CountingStore extends MemoryStore {
  transactions = 0;

  override async transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    this.transactions += 1;
    return super.transaction(work);
  }
}

beforeEach(async () => {
  store = new CountingStore();
  clock = new FakeClock();
  machine = new FakeMachine();
  const id = await storePendingLoadBalancer(store);
  const life = lifecycleOf(machine.processOver(store), clock, "test");
  await new LoadBalancerReconciler(life).reconcile(id, signal);
  const [row] = await store.list("amphora");
  if (!row) throw new Error("no amphora");
  amphora = row;
  events = new BoundedEventLog(clock);
  statistics = new StatisticsBuffer(store);
  health = new AmphoraHealth({
    store,
    clock,
    log: silentLog,
    events,
    statistics,
    key: heartbeatKey("key"),
    heartbeatIntervalMs: 1e3,
  });
  clock.advance(60_000);
});

function beat(memberStatus = "UP", change: Partial<HeartbeatMessage> = {}): Buffer {
  const message: HeartbeatMessage = {
    id: amphora.id,
    seq: 1,
    ver: 3,
    listeners: {
      [listenerId]: {
        status: "OPEN",
        stats: {
          tx: 10,
          rx: 5,
          conns: 2,
          totconns: 3,
          ereq: 1,
        },
      },
    },
    pools: {
      [poolKey]: {
        status: memberStatus === "UP" ? "UP" : "DOWN",
        members: { [memberId]: memberStatus },
      },
    },
    ...change,
  };
  const payload = deflateSync(JSON.stringify(message));
  return Buffer.concat([payload, Buffer.from(createHmac("sha256", "key").update(payload).digest("hex"))]);
}

async function hear(datagram: Buffer, from = amphora.lb_network_ip): Promise<void> {
  health.receive(datagram, from);
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("statuses are written when they change, and only then", async () => {
  await hear(beat());
  expect((await store.get("member", memberId))?.operating_status).toBe("ONLINE");
  expect((await store.get("load_balancer", amphora.load_balancer_id))?.operating_status).toBe("ONLINE");
  const written = store.transactions;
  for (let n = 0; n < 20; n++) {
    clock.advance(1_000);
    await hear(beat());
  }
  expect(store.transactions).toBe(written);
  await hear(beat("DOWN"));
  expect(store.transactions).toBe(written + 1);
  expect((await store.get("member", memberId))?.operating_status).toBe("ERROR");
  expect(events.since(0).map((event) => event.text)).toContain(
    "member 198.18.2.11:8080 of pool 10000000 is ERROR (was ONLINE)",
  );
});

test("rows changed by somebody else are found although the beat says the same", async () => {
  await hear(beat());
  await store.update("member", memberId, { operating_status: "OFFLINE" });
  await hear(beat());
  expect((await store.get("member", memberId))?.operating_status).toBe("OFFLINE");
  health.onApplied(amphora.load_balancer_id);
  clock.advance(1);
  await hear(beat());
  expect((await store.get("member", memberId))?.operating_status).toBe("ONLINE");
});

test("an amphora that still boots, or was given up, decides nothing", async () => {
  await store.update("amphora", amphora.id, { status: "ERROR" });
  await hear(beat("DOWN"));
  expect((await store.get("member", memberId))?.operating_status).not.toBe("ERROR");
});

test("datagrams that count for nothing are counted by reason", async () => {
  await hear(Buffer.from("x"));
  await hear(beat(), "192.0.2.99");
  await hear(beat("UP", { id: "somebody" }));
  await hear(beat());
  expect(health.counts()).toEqual({ short: 1, "wrong-source": 1, "unknown-amphora": 1, accepted: 1 });
});

test("a burst is bounded: what does not fit is dropped and counted", async () => {
  for (let n = 0; n < 100; n++) health.receive(beat(), amphora.lb_network_ip);
  await hear(beat());
  const { accepted = 0, busy = 0 } = health.counts();
  expect(accepted + busy).toBe(101);
  expect(busy).toBeGreaterThan(50);
});

test("counters add up in memory and reach the database in one write", async () => {
  for (let n = 0; n < 3; n++) await hear(beat());
  const written = store.transactions;
  await statistics.flush();
  await statistics.flush();
  expect(store.transactions).toBe(written + 1);
  const [row] = await store.list("listener_statistics");
  expect(row).toMatchObject({
    bytes_out: 30,
    bytes_in: 15,
    total_connections: 9,
    request_errors: 3,
    active_connections: 2,
  });
  await hear(beat());
  await statistics.flush();
  expect((await store.list("listener_statistics"))[0]).toMatchObject({ bytes_out: 40, active_connections: 2 });
});

test("counters of listeners that are gone or somebody else's are dropped", async () => {
  const stats = { tx: 1, rx: 1, conns: 1, totconns: 1, ereq: 1 };
  await hear(beat("UP", { listeners: { "not-a-listener": { status: "OPEN", stats } } }));
  await statistics.flush();
  expect(await store.list("listener_statistics")).toEqual([]);
});

test("a flush that fails loses nothing", async () => {
  await hear(beat());
  const broken = new StatisticsBuffer({
    transaction: () => Promise.reject(new Error("disk full")),
  } as unknown as MemoryStore);
  const message = {
    id: amphora.id,
    listeners: { [listenerId]: { status: "OPEN", stats: { tx: 1, rx: 0, conns: 0, totconns: 0, ereq: 0 } } },
  };
  broken.add(amphora.load_balancer_id, message);
  await expect(broken.flush()).rejects.toThrow("disk full");
  broken.add(amphora.load_balancer_id, message);
  await expect(broken.flush()).rejects.toThrow("disk full");
});

test("counters beyond what can be read back exactly stop there", async () => {
  const most = Number.MAX_SAFE_INTEGER;
  const stats = { tx: most, rx: most, conns: most, totconns: most, ereq: most };
  for (let n = 0; n < 2; n++) {
    statistics.add(amphora.load_balancer_id, {
      id: amphora.id,
      listeners: { [listenerId]: { status: "OPEN", stats } },
    });
    statistics.add(amphora.load_balancer_id, {
      id: amphora.id,
      listeners: { [listenerId]: { status: "OPEN", stats } },
    });
    await statistics.flush();
  }
  const [row] = await store.list("listener_statistics");
  expect(row).toMatchObject({ bytes_in: most, bytes_out: most, total_connections: most, request_errors: most });
});

test("an amphora that makes up listeners does not fill the memory with them", async () => {
  const asked: string[] = [];
  const counting = new StatisticsBuffer({
    transaction: async (work: (tables: Tables) => Promise<void>) =>
      work({ get: async (_table: string, id: string) => void asked.push(id) } as unknown as Tables),
  } as unknown as MemoryStore);
  const stats = { tx: 1, rx: 1, conns: 1, totconns: 1, ereq: 1 };
  for (let n = 0; n < 25_000; n++) {
    counting.add(amphora.load_balancer_id, {
      id: amphora.id,
      listeners: { [`made-up-${n}`]: { status: "OPEN", stats } },
    });
  }
  await counting.flush();
  expect(asked).toHaveLength(10_000);
});

function watchWith(change: { answers?: boolean; networksWereMissing?: boolean } = {}): {
  watch: AmphoraWatch;
  woken: string[];
} {
  const woken: string[] = [];
  const process = machine.processOver(store);
  machine.answering = change.answers ?? true;
  const watch = new AmphoraWatch({
    store,
    clock,
    log: silentLog,
    events,
    health,
    compute: process.compute,
    agent: process.agent,
    wake: (id) => woken.push(id),
    networksWereMissing: change.networksWereMissing ?? false,
    observeIntervalMs: 1e3,
    heartbeatTimeoutMs: 1e4,
  });
  return { watch, woken };
}

async function lookFor(watch: AmphoraWatch, seconds: number): Promise<void> {
  for (let n = 0; n <= seconds; n++) {
    await watch.look(signal);
    clock.advance(1_000);
  }
}

test("an amphora whose processes have ended is given up at once and its load balancer wants anew", async () => {
  const { watch, woken } = watchWith();
  for (const each of machine.amphorae.values()) each.running = false;
  await watch.look(signal);
  await watch.look(signal);
  expect((await store.get("amphora", amphora.id))?.status).toBe("ERROR");
  const row = await store.get("load_balancer", amphora.load_balancer_id);
  expect(row).toMatchObject({
    operating_status: "ERROR",
    provisioning_status: "PENDING_UPDATE",
    wanted_revision: exampleLoadBalancer().wanted_revision + 1,
  });
  expect(woken).toEqual([amphora.load_balancer_id]);
});

test.for([
  { name: "while the shim runs", networksWereMissing: false },
  { name: "while it did not", networksWereMissing: true },
])("networks that somebody removed $name are made again, and amphorae attached anew, once", async (row) => {
  const { watch, woken } = watchWith(row);
  machine.hasNetworks = row.networksWereMissing; // at the start they have been made before the watch begins
  machine.failures.set("prepare", new Error("not yet"));
  await expect(watch.look(signal)).rejects.toThrow("not yet");
  machine.failures.clear();
  await lookFor(watch, 3);
  expect(machine.hasNetworks).toBe(true);
  expect(woken).toEqual([amphora.load_balancer_id]);
  expect(await store.get("load_balancer", amphora.load_balancer_id)).toMatchObject({
    provisioning_status: "PENDING_UPDATE",
    wanted_revision: exampleLoadBalancer().wanted_revision + 1,
  });
  expect((await store.get("amphora", amphora.id))?.status).toBe("ALLOCATED");
});

test("a silent amphora that does not answer is lost after the timeout, not before", async () => {
  const { watch, woken } = watchWith({ answers: false });
  await lookFor(watch, 8);
  expect(woken).toEqual([]);
  await lookFor(watch, 3);
  expect(woken).toEqual([amphora.load_balancer_id]);
});

test("an amphora that beats is not lost, and one that answers although its beats get lost neither", async () => {
  const { watch, woken } = watchWith({ answers: false });
  for (let n = 0; n < 30; n++) {
    await hear(beat());
    await lookFor(watch, 1);
  }
  expect(woken).toEqual([]);
  machine.answering = true;
  await lookFor(watch, 60);
  expect(woken).toEqual([]);
});

test("when many fall silent at once they are replaced one after the other", async () => {
  const { watch, woken } = watchWith({ answers: false });
  const known = machine.amphorae.get(amphora.id);
  if (!known) throw new Error("not there");
  for (const id of ["second", "third"]) {
    await store.insert("amphora", { ...amphora, id, load_balancer_id: id });
    machine.amphorae.set(id, known);
  }
  await lookFor(watch, 11);
  expect(woken).toHaveLength(1);
  await lookFor(watch, 5);
  expect(woken).toHaveLength(2);
});

test("silence while the shim itself stood still is nobody's fault", async () => {
  const { watch, woken } = watchWith({ answers: false });
  await watch.look(signal);
  clock.advance(3_600_000);
  await watch.look(signal);
  expect(woken).toEqual([]);
});

test("an amphora nobody knows is removed; those of the database stay", async () => {
  const { watch } = watchWith();
  const known = machine.amphorae.get(amphora.id);
  if (!known) throw new Error("not there");
  machine.amphorae.set("stray", known);
  await watch.look(signal);
  expect([...machine.amphorae.keys()]).toEqual([amphora.id]);
});

test("an ERROR load balancer whose amphora dies is not set going again", async () => {
  const { watch, woken } = watchWith();
  await store.update("load_balancer", amphora.load_balancer_id, { error: "no", provisioning_status: "ERROR" });
  machine.amphorae.clear();
  await watch.look(signal);
  const row = await store.get("load_balancer", amphora.load_balancer_id);
  expect(row).toMatchObject({ provisioning_status: "ERROR", wanted_revision: row?.applied_revision });
  expect(woken).toHaveLength(1);
});
