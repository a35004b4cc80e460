import fc from "fast-check";
import { expect, test } from "vitest";
import type { ApiBench } from "../../testing/api-context.ts";
import { memberSubnetId, seededApi, vipSubnetId } from "../../testing/seeded-api.ts";
import type { Rows } from "../store/rows.ts";
import { uniqueIndexes } from "../store/unique-indexes.ts";
import { ApiFault } from "./fault.ts";
import { createHealthMonitor, deleteHealthMonitor, updateHealthMonitor } from "./health-monitors.ts";
import { createL7Policy, deleteL7Policy, updateL7Policy } from "./l7policies.ts";
import { createL7Rule, deleteL7Rule } from "./l7rules.ts";
import { createListener, deleteListener, updateListener } from "./listeners.ts";
import { createLoadBalancer, deleteLoadBalancer, failOverLoadBalancer, updateLoadBalancer } from "./load-balancers.ts";
import { createMember, deleteMember, replaceMembers, updateMember } from "./members.ts";
import { createPool, deletePool, updatePool } from "./pools.ts";

/** A call picks its objects by number among those there are; the highest number is an id that does not exist. */
type Ids = Record<"lb" | "listener" | "pool" | "member" | "monitor" | "policy" | "rule", (n: number) => string>;
type Step = { name: string; run: (api: ApiBench, ids: Ids) => Promise<unknown> };

const NOBODY = 9;
const pick = fc.integer({ min: 0, max: NOBODY });
const port = fc.integer({ min: 0, max: 4 });
const listenerProtocol = fc.constantFrom("HTTP", "TCP", "HTTPS", "UDP", "nonsense");
const poolProtocol = fc.constantFrom("HTTP", "TCP", "PROXY");
const address = fc.constantFrom("203.0.113.1", "203.0.113.2", "203.0.113.3", "nowhere");
const weight = fc.constantFrom(0, 1, 300, null);
const position = fc.constantFrom(1, 2, 3, 99, null);
const maybeId = fc.option(pick, { nil: undefined });

const member = fc.record({
  address,
  protocol_port: fc.constantFrom(80, 81),
  weight,
  subnet_id: fc.constantFrom(null, memberSubnetId),
});
const monitor = { type: "HTTP", delay: 5, timeout: 3, max_retries: 2 };

const apply = fc.constant<Step>({ name: "apply", run: (api) => api.apply() });
const steps: fc.Arbitrary<Step>[] = [
  fc
    .record({ tree: fc.boolean(), members: fc.array(member, { maxLength: 3 }), port })
    .map(({ tree, members, port }) => ({
      name: `create load balancer ${tree ? `with ${members.length} members` : ""}`,
      run: (api) =>
        createLoadBalancer(api, {
          vip_subnet_id: vipSubnetId,
          ...(tree
            ? {
                listeners: [
                  { protocol: "HTTP", protocol_port: port, default_pool: { name: "a" } },
                  { protocol: "TCP", protocol_port: 3, default_pool: { name: "a" } },
                ],
                pools: [{ name: "a", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN", members, healthmonitor: monitor }],
              }
            : {}),
        }),
    })),
  fc.tuple(pick, fc.boolean()).map(([n, cascade]) => ({
    name: "delete load balancer",
    run: (api, ids) => deleteLoadBalancer(api, ids.lb(n), cascade),
  })),
  pick.map((n) => ({
    name: "update load balancer",
    run: (api, ids) => updateLoadBalancer(api, ids.lb(n), { name: "x" }),
  })),
  pick.map((n) => ({ name: "fail over", run: (api, ids) => failOverLoadBalancer(api, ids.lb(n)) })),
  fc.tuple(pick, listenerProtocol, port, maybeId).map(([n, protocol, protocol_port, p]) => ({
    name: "create listener",
    run: (api, ids) =>
      createListener(api, {
        loadbalancer_id: ids.lb(n),
        protocol,
        protocol_port,
        ...(p === undefined ? {} : { default_pool_id: ids.pool(p) }),
      }),
  })),
  fc.tuple(pick, fc.option(pick)).map(([n, p]) => ({
    name: "update listener",
    run: (api, ids) => updateListener(api, ids.listener(n), { default_pool_id: p === null ? null : ids.pool(p) }),
  })),
  pick.map((n) => ({ name: "delete listener", run: (api, ids) => deleteListener(api, ids.listener(n)) })),
  fc.tuple(maybeId, maybeId, poolProtocol).map(([l, n, protocol]) => ({
    name: "create pool",
    run: (api, ids) =>
      createPool(api, {
        protocol,
        lb_algorithm: "ROUND_ROBIN",
        ...(l === undefined ? {} : { listener_id: ids.listener(l) }),
        ...(n === undefined ? {} : { loadbalancer_id: ids.lb(n) }),
      }),
  })),
  fc
    .tuple(pick, fc.constantFrom(null, { type: "SOURCE_IP" }, { type: "APP_COOKIE" }))
    .map(([n, session_persistence]) => ({
      name: "update pool",
      run: (api, ids) => updatePool(api, ids.pool(n), { session_persistence }),
    })),
  pick.map((n) => ({ name: "delete pool", run: (api, ids) => deletePool(api, ids.pool(n)) })),
  fc
    .tuple(pick, member)
    .map(([n, body]) => ({ name: "create member", run: (api, ids) => createMember(api, ids.pool(n), body) })),
  fc.tuple(pick, fc.array(member, { maxLength: 4 }), fc.boolean()).map(([n, bodies, additive]) => ({
    name: "replace members",
    run: (api, ids) =>
      replaceMembers(api, ids.pool(n), bodies, new URLSearchParams({ additive_only: String(additive) })),
  })),
  fc.tuple(pick, pick, weight).map(([p, n, weight]) => ({
    name: "update member",
    run: (api, ids) => updateMember(api, ids.pool(p), ids.member(n), { weight }),
  })),
  fc
    .tuple(pick, pick)
    .map(([p, n]) => ({ name: "delete member", run: (api, ids) => deleteMember(api, ids.pool(p), ids.member(n)) })),
  pick.map((n) => ({
    name: "create monitor",
    run: (api, ids) => createHealthMonitor(api, { ...monitor, pool_id: ids.pool(n) }),
  })),
  pick.map((n) => ({
    name: "update monitor",
    run: (api, ids) => updateHealthMonitor(api, ids.monitor(n), { delay: 9 }),
  })),
  pick.map((n) => ({ name: "delete monitor", run: (api, ids) => deleteHealthMonitor(api, ids.monitor(n)) })),
  fc.tuple(pick, position, maybeId).map(([n, position, p]) => ({
    name: "create policy",
    run: (api, ids) =>
      createL7Policy(api, {
        listener_id: ids.listener(n),
        position,
        ...(p === undefined ? { action: "REJECT" } : { action: "REDIRECT_TO_POOL", redirect_pool_id: ids.pool(p) }),
      }),
  })),
  fc.tuple(pick, position).map(([n, position]) => ({
    name: "move policy",
    run: (api, ids) => updateL7Policy(api, ids.policy(n), { position }),
  })),
  pick.map((n) => ({ name: "delete policy", run: (api, ids) => deleteL7Policy(api, ids.policy(n)) })),
  fc.tuple(pick, fc.constantFrom("/a", "")).map(([n, value]) => ({
    name: "create rule",
    run: (api, ids) => createL7Rule(api, ids.policy(n), { type: "PATH", compare_type: "EQUAL_TO", value }),
  })),
  fc
    .tuple(pick, pick)
    .map(([p, n]) => ({ name: "delete rule", run: (api, ids) => deleteL7Rule(api, ids.policy(p), ids.rule(n)) })),
];

test("whatever is called in whatever order: refused whole or accepted whole, and never out of shape", async () => {
  // Half of the time the reconciler gets its turn: a load balancer that waits refuses everything.
  const step = fc.oneof({ weight: 1, arbitrary: apply }, { weight: 1, arbitrary: fc.oneof(...steps) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (sequence) => {
      const { api } = await seededApi();
      for (const { run } of sequence) {
        const before = await everything(api);
        try {
          await run(api, await idsOf(api));
        } catch (error) {
          if (!(error instanceof ApiFault)) throw error;
          expect(await everything(api)).toEqual(before);
        }
        checkShape(await everything(api));
      }
      await api.apply();
      const rows = await everything(api);
      for (const table of tables) {
        for (const row of rows[table]) {
          if ("provisioning_status" in row) expect(row.provisioning_status).toBe("ACTIVE");
        }
      }
      const holders = new Set(rows.load_balancer.map((row) => row.id));
      expect(rows.address.filter((row) => !holders.has(row.owner_id))).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

const tables = [
  "load_balancer",
  "listener",
  "pool",
  "member",
  "health_monitor",
  "l7policy",
  "l7rule",
  "address",
] as const;
type All = { [Name in (typeof tables)[number]]: Rows[Name][] };

async function everything({ store }: ApiBench): Promise<All> {
  const entries = await Promise.all(tables.map(async (table) => [table, await store.list(table)] as const));
  return Object.fromEntries(entries) as unknown as All;
}

async function idsOf(api: ApiBench): Promise<Ids> {
  const rows = await everything(api);
  const from = (list: { id: string }[]) => (n: number) =>
    (n === NOBODY ? undefined : list[n % list.length]?.id) ?? "99999999-0000-4000-8000-000000000000";
  return {
    lb: from(rows.load_balancer),
    listener: from(rows.listener),
    pool: from(rows.pool),
    member: from(rows.member),
    monitor: from(rows.health_monitor),
    policy: from(rows.l7policy),
    rule: from(rows.l7rule),
  };
}

function checkShape(rows: All): void {
  const has = (list: { id: string }[], id: string) => list.some((row) => row.id === id);
  const poolOf = (id: string) => rows.pool.find((row) => row.id === id);
  for (const row of [...rows.listener, ...rows.pool]) expect(has(rows.load_balancer, row.load_balancer_id)).toBe(true);
  for (const row of [...rows.member, ...rows.health_monitor]) expect(has(rows.pool, row.pool_id)).toBe(true);
  for (const row of rows.l7policy) expect(has(rows.listener, row.listener_id)).toBe(true);
  for (const row of rows.l7rule) expect(has(rows.l7policy, row.l7policy_id)).toBe(true);
  for (const row of rows.load_balancer) expect(has(rows.address, row.vip_port_id)).toBe(true);
  // A default pool is of the same load balancer, and not on its way out while the listener stays.
  for (const row of rows.listener) {
    if (row.default_pool_id === null) continue;
    const pool = poolOf(row.default_pool_id);
    expect(pool?.load_balancer_id).toBe(row.load_balancer_id);
    if (row.provisioning_status !== "PENDING_DELETE") expect(pool?.provisioning_status).not.toBe("PENDING_DELETE");
  }
  for (const index of uniqueIndexes) {
    const keys = rows[index.table].map((row) =>
      JSON.stringify(index.columns.map((column) => (column === "protocol_family" ? "TCP" : Reflect.get(row, column)))),
    );
    expect(new Set(keys).size).toBe(keys.length);
  }
  const staying = rows.l7policy.filter((row) => row.provisioning_status !== "PENDING_DELETE");
  for (const policies of Map.groupBy(staying, (row) => row.listener_id).values()) {
    const positions = policies.map((row) => row.position).toSorted((a, b) => a - b);
    expect(positions).toEqual(positions.map((_, n) => n + 1));
  }
  // What shows as pending is pending: nobody waits for a change that nobody will make.
  for (const row of rows.load_balancer) {
    expect(row.provisioning_status.startsWith("PENDING_")).toBe(row.wanted_revision !== row.applied_revision);
  }
}
