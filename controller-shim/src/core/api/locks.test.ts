import { expect, test } from "vitest";
import type { ApiBench } from "../../testing/api-context.ts";
import { type SeededIds, seededApi } from "../../testing/seeded-api.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import { createHealthMonitor, deleteHealthMonitor, updateHealthMonitor } from "./health-monitors.ts";
import { createL7Policy, deleteL7Policy, updateL7Policy } from "./l7policies.ts";
import { createL7Rule, deleteL7Rule, updateL7Rule } from "./l7rules.ts";
import { createListener, deleteListener, updateListener } from "./listeners.ts";
import { deleteLoadBalancer, failOverLoadBalancer, updateLoadBalancer } from "./load-balancers.ts";
import { createMember, deleteMember, replaceMembers, updateMember } from "./members.ts";
import { createPool, deletePool, updatePool } from "./pools.ts";

type Write = (api: ApiBench, ids: SeededIds) => Promise<unknown>;

const childWrites: { name: string; write: Write }[] = [
  {
    name: "listener create",
    write: (api, ids) => createListener(api, { loadbalancer_id: ids.loadBalancer, protocol: "TCP", protocol_port: 90 }),
  },
  { name: "listener update", write: (api, ids) => updateListener(api, ids.listener, { name: "x" }) },
  { name: "listener delete", write: (api, ids) => deleteListener(api, ids.listener) },
  {
    name: "pool create",
    write: (api, ids) =>
      createPool(api, { loadbalancer_id: ids.loadBalancer, protocol: "TCP", lb_algorithm: "SOURCE_IP" }),
  },
  { name: "pool update", write: (api, ids) => updatePool(api, ids.pool, { name: "x" }) },
  { name: "pool delete", write: (api, ids) => deletePool(api, ids.pool) },
  {
    name: "member create",
    write: (api, ids) => createMember(api, ids.pool, { address: "203.0.113.99", protocol_port: 1 }),
  },
  { name: "member update", write: (api, ids) => updateMember(api, ids.pool, ids.member, { weight: 5 }) },
  { name: "member delete", write: (api, ids) => deleteMember(api, ids.pool, ids.member) },
  { name: "members at once", write: (api, ids) => replaceMembers(api, ids.pool, [], new URLSearchParams()) },
  { name: "health monitor update", write: (api, ids) => updateHealthMonitor(api, ids.healthMonitor, { delay: 9 }) },
  { name: "health monitor delete", write: (api, ids) => deleteHealthMonitor(api, ids.healthMonitor) },
  { name: "policy create", write: (api, ids) => createL7Policy(api, { listener_id: ids.listener, action: "REJECT" }) },
  { name: "policy update", write: (api, ids) => updateL7Policy(api, ids.policy, { position: 1 }) },
  { name: "policy delete", write: (api, ids) => deleteL7Policy(api, ids.policy) },
  {
    name: "rule create",
    write: (api, ids) => createL7Rule(api, ids.policy, { type: "PATH", compare_type: "EQUAL_TO", value: "/" }),
  },
  { name: "rule update", write: (api, ids) => updateL7Rule(api, ids.policy, ids.rule, { value: "/y" }) },
  { name: "rule delete", write: (api, ids) => deleteL7Rule(api, ids.policy, ids.rule) },
];

const lockedStates: { name: string; columns: Partial<LoadBalancerRow> }[] = [
  { name: "a change is on its way", columns: { wanted_revision: 99, provisioning_status: "PENDING_UPDATE" } },
  { name: "it is being deleted", columns: { deleting: true, provisioning_status: "PENDING_DELETE" } },
  { name: "it has failed", columns: { error: "no memory", provisioning_status: "ERROR" } },
];

test.for(lockedStates.flatMap((state) => childWrites.map((each) => ({ ...each, state }))))(
  "$name is a conflict while, for its load balancer, $state.name",
  async ({ write, state }) => {
    const { api, ids } = await seededApi();
    await api.store.update("load_balancer", ids.loadBalancer, state.columns);
    const before = await api.store.get("load_balancer", ids.loadBalancer);
    await expect(write(api, ids)).rejects.toMatchObject({
      code: "conflict",
      message: `Load Balancer ${ids.loadBalancer} is immutable and cannot be updated.`,
    });
    expect(await api.store.get("load_balancer", ids.loadBalancer)).toEqual(before);
  },
);

test.for(childWrites)("$name is one revision, wakes the reconciler and ends ACTIVE or gone", async ({ write }) => {
  const { api, ids } = await seededApi();
  const before = await api.store.get("load_balancer", ids.loadBalancer);
  await write(api, ids);
  expect(await api.store.get("load_balancer", ids.loadBalancer)).toMatchObject({
    wanted_revision: (before?.wanted_revision ?? 0) + 1,
    provisioning_status: "PENDING_UPDATE",
  });
  expect(api.woken).toEqual([ids.loadBalancer]);
  await expect(write(api, ids)).rejects.toMatchObject({ code: "conflict" });
  await api.apply();
  for (const table of [
    "load_balancer",
    "listener",
    "pool",
    "member",
    "health_monitor",
    "l7policy",
    "l7rule",
  ] as const) {
    for (const row of await api.store.list(table)) expect(row.provisioning_status).toBe("ACTIVE");
  }
});

const own: { name: string; write: Write; may: ("PENDING" | "DELETING" | "FAILED")[] }[] = [
  { name: "update", write: (api, ids) => updateLoadBalancer(api, ids.otherLoadBalancer, { name: "x" }), may: [] },
  { name: "delete", write: (api, ids) => deleteLoadBalancer(api, ids.otherLoadBalancer, true), may: ["FAILED"] },
  { name: "failover", write: (api, ids) => failOverLoadBalancer(api, ids.otherLoadBalancer), may: ["FAILED"] },
];
const states = [
  { state: "PENDING", shown: "PENDING_UPDATE", columns: lockedStates[0]?.columns },
  { state: "DELETING", shown: "PENDING_DELETE", columns: lockedStates[1]?.columns },
  { state: "FAILED", shown: "ERROR", columns: lockedStates[2]?.columns },
] as const;

test.for(own.flatMap((each) => states.map((state) => ({ ...each, ...state }))))(
  "load balancer $name while $state",
  async ({ write, may, state, shown, columns }) => {
    const { api, ids } = await seededApi();
    await api.store.update("load_balancer", ids.otherLoadBalancer, columns ?? {});
    if (may.includes(state)) {
      await write(api, ids);
      const row = await api.store.get("load_balancer", ids.otherLoadBalancer);
      expect(row).toMatchObject({ error: null, attempts: 0, next_attempt_at_ms: 0 });
      expect(row?.provisioning_status).toMatch(/^PENDING_/);
      return;
    }
    await expect(write(api, ids)).rejects.toMatchObject({
      code: "conflict",
      message: `Invalid state ${shown} of loadbalancer resource ${ids.otherLoadBalancer}`,
    });
  },
);

test("existence comes before semantics, semantics before the lock", async () => {
  const { api, ids } = await seededApi();
  await api.store.update("load_balancer", ids.loadBalancer, { wanted_revision: 99 });
  const monitor = { type: "UDP-CONNECT", delay: 5, timeout: 1, max_retries: 1 };
  await expect(createHealthMonitor(api, { ...monitor, pool_id: "0".repeat(32) })).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(createHealthMonitor(api, { ...monitor, pool_id: ids.pool })).rejects.toMatchObject({ code: "invalid" });
  await expect(createHealthMonitor(api, { ...monitor, type: "TCP", pool_id: ids.pool })).rejects.toThrow(
    "This pool already has a health monitor",
  );
});

test("the listeners a change reaches show it: by default pool, and by redirect", async () => {
  const { api, ids } = await seededApi();
  await updateL7Policy(api, ids.policy, { redirect_pool_id: ids.pool });
  await api.apply();
  await updateListener(api, ids.listener, { default_pool_id: null });
  await api.apply();
  await updateMember(api, ids.pool, ids.member, { weight: 2 });
  for (const [table, id] of [
    ["listener", ids.listener],
    ["pool", ids.pool],
    ["member", ids.member],
  ] as const) {
    expect(await api.store.get(table, id)).toMatchObject({ provisioning_status: "PENDING_UPDATE" });
  }
});
