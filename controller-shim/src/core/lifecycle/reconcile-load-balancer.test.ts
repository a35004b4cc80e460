import { describe, expect, test } from "vitest";
import { exampleListener, exampleMember, examplePool } from "../../testing/example-rows.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeMachine, ProcessDied } from "../../testing/fake-machine.ts";
import { exampleVip, lifecycleOf, storePendingLoadBalancer } from "../../testing/lifecycle-harness.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { AgentCallFailed } from "../drivers/agent-client.ts";
import { DriverError } from "../drivers/driver-error.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";
import { ATTEMPTS_MAX } from "./failure.ts";
import { LEASE_MS } from "./lease.ts";
import type { LifecycleSettings } from "./lifecycle.ts";
import { LoadBalancerReconciler } from "./reconcile-load-balancer.ts";

const never = new AbortController().signal;

class Bench {
  readonly clock = new FakeClock();
  readonly machine = new FakeMachine();
  readonly store: Store = new MemoryStore();
  id = "";
  #starts = 0;

  static async withLoadBalancer(): Promise<Bench> {
    const bench = new Bench();
    bench.id = await storePendingLoadBalancer(bench.store);
    return bench;
  }

  static async running(): Promise<Bench> {
    const bench = await Bench.withLoadBalancer();
    await bench.finish();
    return bench;
  }

  /** One start of the shim: reconciles until nothing is left to do or it dies; gives the number of calls it made. */
  async start(options: { dieAt?: number; settings?: Partial<LifecycleSettings> } = {}): Promise<number> {
    this.#starts += 1;
    const process = this.machine.processOver(this.store, options.dieAt);
    const life = lifecycleOf(process, this.clock, `start ${this.#starts}`, options.settings);
    const reconciler = new LoadBalancerReconciler(life);
    try {
      for (let turn = 0; turn < 200; turn++) {
        const outcome = await this.#whileTimePasses(reconciler.reconcile(this.id, never));
        if (outcome === undefined) return process.calls;
        this.clock.advance(outcome.againInMs);
      }
      throw new Error("it never ends");
    } catch (error) {
      if (!(error instanceof ProcessDied)) throw error;
      this.clock.advance(LEASE_MS + 1); // the dead cannot renew
      return process.calls;
    }
  }

  finish(): Promise<number> {
    return this.start();
  }

  async change(change: (row: LoadBalancerRow) => Partial<LoadBalancerRow>): Promise<void> {
    const row = await this.row();
    if (!row) throw new Error("gone");
    await this.store.update("load_balancer", this.id, {
      wanted_revision: row.wanted_revision + 1,
      provisioning_status: "PENDING_UPDATE",
      error: null,
      ...change(row),
    });
  }

  async addMember(address: string): Promise<void> {
    await this.store.insert(
      "member",
      exampleMember({ id: `m-${address}`, address, provisioning_status: "PENDING_CREATE" }),
    );
    await this.change(() => ({}));
  }

  row(): Promise<LoadBalancerRow | undefined> {
    return this.store.get("load_balancer", this.id);
  }

  amphorae() {
    return this.store.list("amphora", { load_balancer_id: this.id });
  }

  /** Holds whenever nothing is left to do: all agree, nobody waits, nothing is left over. */
  async expectSettled(): Promise<void> {
    expect(this.machine.conflicts).toEqual([]);
    const row = await this.row();
    const amphorae = await this.amphorae();
    expect([...this.machine.amphorae.keys()].sort()).toEqual(amphorae.map((amphora) => amphora.id).sort());
    const owners = new Set([this.id, ...amphorae.map((amphora) => amphora.id)]);
    for (const address of await this.store.list("address")) expect(owners).toContain(address.owner_id);
    if (!row) {
      for (const table of ["listener", "pool", "member", "amphora", "address"] as const) {
        expect(await this.store.list(table)).toEqual([]);
      }
      return;
    }
    expect(row).toMatchObject({ provisioning_status: "ACTIVE", error: null, lease_owner: null, attempts: 0 });
    expect(row.applied_revision).toBe(row.wanted_revision);
    expect(amphorae.map((amphora) => amphora.status)).toEqual(["ALLOCATED"]);
    expect(this.machine.holders(exampleVip)).toEqual([amphorae[0]?.id]);
    const members = await this.store.list("member");
    expect(this.machine.amphorae.get(amphorae[0]?.id ?? "")?.runs.sort()).toEqual(members.map((m) => m.address).sort());
    for (const table of ["listener", "pool", "member"] as const) {
      for (const child of await this.store.list(table)) expect(child.provisioning_status).toBe("ACTIVE");
    }
  }

  async #whileTimePasses<Value>(work: Promise<Value>): Promise<Value> {
    let done = false;
    const watched = work.finally(() => (done = true));
    watched.catch(() => undefined);
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!done) this.clock.advance(20);
    }
    return watched;
  }
}

const scenarios: { name: string; prepare: () => Promise<Bench> }[] = [
  { name: "a create", prepare: () => Bench.withLoadBalancer() },
  {
    name: "an update that adds a member and removes another",
    prepare: async () => {
      const bench = await Bench.running();
      await bench.store.update("member", exampleMember().id, { provisioning_status: "PENDING_DELETE" });
      await bench.addMember("203.0.113.99");
      return bench;
    },
  },
  {
    name: "a failover",
    prepare: async () => {
      const bench = await Bench.running();
      await bench.change((row) => ({ wanted_amphora_generation: row.wanted_amphora_generation + 1 }));
      return bench;
    },
  },
  {
    name: "the repair of an amphora whose processes have ended",
    prepare: async () => {
      const bench = await Bench.running();
      for (const amphora of bench.machine.amphorae.values()) amphora.running = false;
      await bench.change(() => ({}));
      return bench;
    },
  },
  {
    name: "the repair of an amphora that runs but does not answer",
    prepare: async () => {
      const bench = await Bench.running();
      const [amphora] = await bench.amphorae();
      await bench.store.update("amphora", amphora?.id ?? "", { status: "ERROR" });
      await bench.change(() => ({}));
      return bench;
    },
  },
  {
    name: "a delete",
    prepare: async () => {
      const bench = await Bench.running();
      await bench.change(() => ({ deleting: true, provisioning_status: "PENDING_DELETE" }));
      return bench;
    },
  },
  {
    name: "the delete of one that was never built",
    prepare: async () => {
      const bench = await Bench.withLoadBalancer();
      await bench.change(() => ({ deleting: true, provisioning_status: "PENDING_DELETE" }));
      return bench;
    },
  },
];

describe.for(scenarios)("$name", ({ prepare }) => {
  test("ends settled", async () => {
    const bench = await prepare();
    await bench.finish();
    await bench.expectSettled();
  });

  test("killed before any of its steps, it is finished by the next start", async () => {
    const whole = await (await prepare()).finish();
    expect(whole).toBeGreaterThan(5);
    for (let dieAt = 1; dieAt <= whole; dieAt++) {
      const bench = await prepare();
      await bench.start({ dieAt });
      await bench.finish();
      await bench.expectSettled();
    }
  });

  test("killed twice in a row, anywhere, it is finished by the third start", async () => {
    const whole = await (await prepare()).finish();
    for (let first = 2; first <= whole; first += 5) {
      for (let second = 2; second <= whole; second += 4) {
        const bench = await prepare();
        await bench.start({ dieAt: first });
        await bench.start({ dieAt: second });
        await bench.finish();
        await bench.expectSettled();
      }
    }
  });
});

test("applying what is applied makes no call beyond looking", async () => {
  const bench = await Bench.running();
  expect(await bench.start()).toBe(1);
});

test("a failover keeps serving until its successor is configured, then hands the VIP over", async () => {
  const bench = await Bench.running();
  const [before] = await bench.amphorae();
  await bench.change((row) => ({ wanted_amphora_generation: row.wanted_amphora_generation + 1 }));
  bench.machine.failures.set("apply", new AgentCallFailed("not yet", 503));
  await bench.start({ settings: { deadlineMs: 2_000 } });
  expect(bench.machine.holders(exampleVip)).toEqual([before?.id]);
  bench.machine.failures.clear();
  await bench.change(() => ({}));
  await bench.finish();
  await bench.expectSettled();
  expect((await bench.amphorae())[0]?.id).not.toBe(before?.id);
});

test("a member network gets a leg while a member needs it, and gives its address back after", async () => {
  const bench = await Bench.running();
  const legs = () => [...bench.machine.amphorae.values()][0]?.specification.legs.map((leg) => leg.name);
  expect(legs()).toEqual(["eth0", "eth1", "eth2"]);
  await bench.store.update("member", exampleMember().id, { provisioning_status: "PENDING_DELETE" });
  await bench.change(() => ({}));
  await bench.finish();
  expect(legs()).toEqual(["eth0", "eth1"]);
  expect(await bench.store.list("address", { purpose: "member" })).toEqual([]);
});

test.for([
  {
    name: "haproxy refusing the configuration",
    call: "apply" as const,
    error: new AgentCallFailed("PUT: 400: Invalid request: [ALERT] parsing [haproxy.cfg:30]", 400),
    want: "[ALERT] parsing",
  },
  {
    name: "a driver that cannot do it",
    call: "apply" as const,
    error: new DriverError("unsupported", "no UDP here"),
    want: "no UDP here",
  },
  {
    name: "a machine that is full",
    call: "admit" as const,
    error: new DriverError("out-of-resources", "64 amphorae are the limit"),
    want: "64 amphorae",
  },
])("$name ends in ERROR at once, with its words", async ({ call, error, want }) => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.failures.set(call, error);
  const startedMs = bench.clock.nowMs();
  await bench.finish();
  expect(await bench.row()).toMatchObject({ provisioning_status: "ERROR", lease_owner: null });
  expect((await bench.row())?.error).toContain(want);
  expect(bench.clock.nowMs() - startedMs).toBeLessThan(2_000);
  expect((await bench.store.get("listener", exampleListener().id))?.provisioning_status).toBe("ERROR");
  expect((await bench.store.get("pool", examplePool().id))?.provisioning_status).toBe("ERROR");
});

test.for([
  { name: "a machine that cannot start amphorae", call: "ensure" as const },
  { name: "an agent that keeps failing", call: "apply" as const },
  { name: "a machine that cannot be looked at", call: "observe" as const },
])("$name is tried again until the deadline, then ERROR: never pending for ever", async ({ call }) => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.failures.set(call, new Error("it does not work today"));
  await bench.start({ settings: { deadlineMs: 30_000 } });
  expect(await bench.row()).toMatchObject({ provisioning_status: "ERROR" });
  expect((await bench.row())?.error).toContain("it does not work today");
});

test("agents that never answer leave one amphora at most, and an ERROR that says so", async () => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.answering = false;
  await bench.start({ settings: { deadlineMs: 30_000, bootMs: 5_000 } });
  expect((await bench.row())?.error).toMatch(
    /did not answer within 5 s: connection refused \(not applied within 30 s\)/,
  );
  expect(bench.machine.amphorae.size).toBeLessThanOrEqual(1);
});

test("an ERROR load balancer is left alone until it is failed over or deleted", async () => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.failures.set("apply", new DriverError("unsupported", "no"));
  await bench.finish();
  bench.machine.failures.clear();
  await bench.finish();
  expect((await bench.row())?.provisioning_status).toBe("ERROR");
  await bench.change((row) => ({ wanted_amphora_generation: row.wanted_amphora_generation + 1 }));
  await bench.finish();
  await bench.expectSettled();
  await bench.change(() => ({ deleting: true, provisioning_status: "PENDING_DELETE" }));
  await bench.finish();
  await bench.expectSettled();
});

test("a clock that is put back after a failure does not put off the next attempt", async () => {
  const bench = await Bench.withLoadBalancer();
  await bench.store.update("load_balancer", bench.id, { next_attempt_at_ms: bench.clock.nowMs() + 86_400_000 });
  const startedMs = bench.clock.nowMs();
  await bench.finish();
  expect(bench.clock.nowMs() - startedMs).toBeLessThan(3_600_000);
});

test("a load balancer that kills the shim again and again is given up, and not tried once more", async () => {
  const bench = await Bench.withLoadBalancer();
  for (let start = 0; start < ATTEMPTS_MAX; start++) await bench.start({ dieAt: 12 });
  expect((await bench.row())?.provisioning_status).toBe("PENDING_CREATE");
  await bench.start({ dieAt: 12 });
  expect(await bench.row()).toMatchObject({ provisioning_status: "ERROR", attempts: 0, lease_owner: null });
  expect((await bench.row())?.error).toContain(`given up after ${ATTEMPTS_MAX} attempts`);
});

test("a lease somebody else holds is respected, and taken over when it has run out", async () => {
  const bench = await Bench.withLoadBalancer();
  const until = bench.clock.nowMs() + LEASE_MS;
  await bench.store.update("load_balancer", bench.id, { lease_owner: "another shim", lease_until_ms: until });
  await bench.finish();
  expect((await bench.row())?.provisioning_status).toBe("PENDING_CREATE");
  bench.clock.advance(LEASE_MS);
  await bench.finish();
  await bench.expectSettled();
});

test("work stops when the lease is lost, and what was not committed is not", async () => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.answering = false;
  const life = lifecycleOf(bench.machine.processOver(bench.store), bench.clock, "slow");
  const work = new LoadBalancerReconciler(life).reconcile(bench.id, never);
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
  await bench.store.update("load_balancer", bench.id, { lease_owner: "another shim" });
  for (let n = 0; n < 400; n++) {
    bench.clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await work).toBeUndefined();
  expect(await bench.row()).toMatchObject({ lease_owner: "another shim", provisioning_status: "PENDING_CREATE" });
});

test("a stopped shim lets go of the lease and counts no failure", async () => {
  const bench = await Bench.withLoadBalancer();
  bench.machine.answering = false;
  const stop = new AbortController();
  const life = lifecycleOf(bench.machine.processOver(bench.store), bench.clock, "stopping");
  const work = new LoadBalancerReconciler(life).reconcile(bench.id, stop.signal);
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
  stop.abort(new Error("SIGTERM"));
  expect(await work).toBeUndefined();
  expect(await bench.row()).toMatchObject({ lease_owner: null, attempts: 0, provisioning_status: "PENDING_CREATE" });
  bench.machine.answering = true;
  await bench.finish();
  await bench.expectSettled();
});

test("an amphora found dead while it was being configured is not committed", async () => {
  const bench = await Bench.withLoadBalancer();
  const process = bench.machine.processOver(bench.store);
  const life = lifecycleOf(process, bench.clock, "start");
  const apply = life.amphoraDriver.apply.bind(life.amphoraDriver);
  let first = true;
  life.amphoraDriver = {
    name: "fake",
    admit: () => undefined,
    apply: async (endpoint, tree, signal) => {
      await apply(endpoint, tree, signal);
      if (first) await bench.store.update("amphora", endpoint.amphoraId, { status: "ERROR" });
      first = false;
    },
  };
  const reconciler = new LoadBalancerReconciler(life);
  expect(await reconciler.reconcile(bench.id, never)).toEqual({ againInMs: 0 });
  await bench.finish();
  await bench.expectSettled();
});
