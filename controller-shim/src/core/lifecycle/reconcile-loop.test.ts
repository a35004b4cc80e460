import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { exampleLoadBalancer } from "../../testing/example-rows.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { silentLog } from "../../testing/lifecycle-harness.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

class RecordingReconciler {
  readonly seen: string[] = [];
  working = 0;
  mostAtOnce = 0;
  outcome: (id: string) => Promise<{ againInMs: number } | undefined> = async () => undefined;

  async reconcile(id: string) {
    this.seen.push(id);
    this.working += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.working);
    try {
      return await this.outcome(id);
    } finally {
      this.working -= 1;
    }
  }
}

async function loopOver(rows: Partial<LoadBalancerRow>[], parallel = 4) {
  const store = new MemoryStore();
  for (const [n, row] of rows.entries())
    await store.insert("load_balancer", exampleLoadBalancer({ id: `lb${n}`, ...row }));
  const clock = new FakeClock();
  const reconciler = new RecordingReconciler();
  const loop = new ReconcileLoop(reconciler, { store, clock, log: silentLog, owner: "me", parallel });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return { store, clock, reconciler, loop, stop, running };
}

const settle = () => sleep(5);

test("rows that want something are found without being told", async () => {
  const { reconciler } = await loopOver([
    { wanted_revision: 2 },
    {},
    { deleting: true },
    { wanted_revision: 2, error: "no", provisioning_status: "ERROR" },
    { wanted_revision: 2, next_attempt_at_ms: new FakeClock().nowMs() + 5_000 },
    { wanted_revision: 2, lease_owner: "another", lease_until_ms: Number.MAX_SAFE_INTEGER },
  ]);
  await settle();
  expect(reconciler.seen).toEqual(["lb0", "lb2"]);
});

test("a clock that was put back does not make anybody wait for it to catch up", async () => {
  const { reconciler } = await loopOver([
    { wanted_revision: 2, next_attempt_at_ms: new FakeClock().nowMs() + 3_600_000 },
  ]);
  await settle();
  expect(reconciler.seen).toEqual(["lb0"]);
});

test("after the first look only what says it is pending is read, and now and then everything", async () => {
  const { store, clock, reconciler } = await loopOver([{}, {}]);
  await settle();
  await store.update("load_balancer", "lb0", { wanted_revision: 2, provisioning_status: "PENDING_UPDATE" });
  await store.update("load_balancer", "lb1", { wanted_revision: 2 });
  clock.advance(1_000);
  await settle();
  expect(reconciler.seen).toEqual(["lb0"]);
  for (let second = 0; second < 30; second++) {
    clock.advance(1_000);
    await settle();
  }
  expect(reconciler.seen).toContain("lb1");
});

test("no more than so many are worked on at once, and the others follow", async () => {
  const { reconciler } = await loopOver(
    Array.from({ length: 10 }, () => ({ wanted_revision: 2 })),
    3,
  );
  reconciler.outcome = () => sleep(2, undefined);
  await sleep(60);
  expect(reconciler.mostAtOnce).toBe(3);
  expect(new Set(reconciler.seen).size).toBe(10);
});

test("one load balancer is worked on by one worker; a wake meanwhile is not lost", async () => {
  const { reconciler, loop } = await loopOver([{}]);
  const gate = Promise.withResolvers<undefined>();
  reconciler.outcome = () => gate.promise;
  await settle();
  loop.wake("lb0");
  await settle();
  loop.wake("lb0");
  await settle();
  expect(reconciler.mostAtOnce).toBe(1);
  gate.resolve(undefined);
  await settle();
  expect(reconciler.seen).toEqual(["lb0", "lb0"]);
});

test("what is to be tried again is, after its pause", async () => {
  const { reconciler, loop } = await loopOver([{}]);
  let tries = 0;
  reconciler.outcome = async () => (++tries < 3 ? { againInMs: 1 } : undefined);
  loop.wake("lb0");
  await sleep(30);
  expect(reconciler.seen).toEqual(["lb0", "lb0", "lb0"]);
});

test("a reconciler that throws does not end the loop", async () => {
  const { reconciler, loop } = await loopOver([{}, {}]);
  reconciler.outcome = async (id) => {
    if (id === "lb0") throw new Error("unexpected");
    return undefined;
  };
  loop.wake("lb0");
  loop.wake("lb1");
  await settle();
  expect(reconciler.seen).toEqual(["lb0", "lb1"]);
});

test("stopping waits for the work to let go and starts no other", async () => {
  const { reconciler, loop, stop, running } = await loopOver([{}]);
  const gate = Promise.withResolvers<undefined>();
  reconciler.outcome = () => gate.promise;
  loop.wake("lb0");
  await settle();
  stop.abort();
  loop.wake("lb0");
  let ended = false;
  void running.then(() => (ended = true));
  await settle();
  expect(ended).toBe(false);
  gate.resolve(undefined);
  await running;
  expect(reconciler.seen).toEqual(["lb0"]);
});
