import { isLive } from "../store/live.ts";
import type { LoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { LoadBalancerRow, OperatingStatus, ProvisioningStatus } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";

/**
 * Everything below the load balancer runs as `tree` says: ACTIVE, and what was deleted is gone. A member that is ACTIVE
 * already is not written again: there may be thousands.
 */
export async function commitChildren(tables: Tables, tree: LoadBalancerTree): Promise<void> {
  for (const { listener, l7policies } of tree.listeners) {
    if (!isLive(listener)) {
      await removeListener(tables, listener.id);
      continue;
    }
    const deadPool = tree.pools.some(({ pool }) => pool.id === listener.default_pool_id && !isLive(pool));
    await tables.update("listener", listener.id, {
      provisioning_status: "ACTIVE",
      ...(deadPool ? { default_pool_id: null } : {}),
      ...(listener.admin_state_up ? {} : { operating_status: "OFFLINE" }),
    });
    let position = 0;
    for (const { policy, rules } of l7policies) {
      if (!isLive(policy)) {
        await removePolicy(tables, policy.id);
        continue;
      }
      position += 1;
      await tables.update("l7policy", policy.id, { ...active, position, operating_status: configured(policy) });
      for (const rule of rules) {
        if (isLive(rule)) await tables.update("l7rule", rule.id, { ...active, operating_status: configured(rule) });
        else await tables.remove("l7rule", rule.id);
      }
    }
  }
  for (const { pool, members, healthMonitor } of tree.pools) {
    if (!isLive(pool)) {
      await removePool(tables, pool.id);
      continue;
    }
    await tables.update("pool", pool.id, {
      ...active,
      ...(pool.admin_state_up ? {} : { operating_status: "OFFLINE" }),
    });
    for (const member of members) {
      if (!isLive(member)) await tables.remove("member", member.id);
      else if (member.provisioning_status !== "ACTIVE") await tables.update("member", member.id, active);
    }
    if (!healthMonitor) continue;
    const status = { ...active, operating_status: configured(healthMonitor) };
    if (isLive(healthMonitor)) await tables.update("health_monitor", healthMonitor.id, status);
    else await tables.remove("health_monitor", healthMonitor.id);
  }
}

const active: { provisioning_status: ProvisioningStatus } = { provisioning_status: "ACTIVE" };

/** Nothing reports on monitors, policies and rules: they are up when they are configured and not disabled. */
function configured(row: { admin_state_up: boolean }): OperatingStatus {
  return row.admin_state_up ? "ONLINE" : "OFFLINE";
}

/** The load balancer and all that hangs on it, after its amphorae are gone. */
export async function removeLoadBalancer(tables: Tables, id: string): Promise<void> {
  for (const listener of await tables.list("listener", { load_balancer_id: id })) {
    await removeListener(tables, listener.id);
  }
  for (const pool of await tables.list("pool", { load_balancer_id: id })) await removePool(tables, pool.id);
  for (const amphora of await tables.list("amphora", { load_balancer_id: id })) {
    await removeAmphora(tables, amphora.id);
  }
  for (const row of await tables.list("listener_statistics", { load_balancer_id: id })) {
    await tables.remove("listener_statistics", row.id);
  }
  await removeAddresses(tables, id);
  await tables.remove("load_balancer", id);
}

/** Its counters stay: they are part of what the listener has served. Its connections are gone. */
export async function removeAmphora(tables: Tables, id: string): Promise<void> {
  for (const row of await tables.list("listener_statistics", { amphora_id: id })) {
    await tables.update("listener_statistics", row.id, { active_connections: 0 });
  }
  await removeAddresses(tables, id);
  await tables.remove("amphora", id);
}

/** PENDING_* that did not come true is ERROR; what the user deleted stays deleted and goes with the next success. */
export async function markError(tables: Tables, tree: LoadBalancerTree, text: string): Promise<void> {
  const failed = { provisioning_status: "ERROR" } as const;
  const pending = (row: { provisioning_status: ProvisioningStatus }) =>
    row.provisioning_status === "PENDING_CREATE" || row.provisioning_status === "PENDING_UPDATE";
  for (const { listener, l7policies } of tree.listeners) {
    if (pending(listener)) await tables.update("listener", listener.id, failed);
    for (const { policy, rules } of l7policies) {
      if (pending(policy)) await tables.update("l7policy", policy.id, failed);
      for (const rule of rules.filter(pending)) await tables.update("l7rule", rule.id, failed);
    }
  }
  for (const { pool, members, healthMonitor } of tree.pools) {
    if (pending(pool)) await tables.update("pool", pool.id, failed);
    for (const member of members.filter(pending)) await tables.update("member", member.id, failed);
    if (healthMonitor && pending(healthMonitor)) await tables.update("health_monitor", healthMonitor.id, failed);
  }
  await tables.update("load_balancer", tree.loadBalancer.id, { ...failed, error: text, ...settled });
}

/** Nobody works on it and nothing is due. */
export const settled: Pick<LoadBalancerRow, "attempts" | "next_attempt_at_ms" | "lease_owner" | "lease_until_ms"> = {
  attempts: 0,
  next_attempt_at_ms: 0,
  lease_owner: null,
  lease_until_ms: 0,
};

async function removeListener(tables: Tables, id: string): Promise<void> {
  for (const policy of await tables.list("l7policy", { listener_id: id })) await removePolicy(tables, policy.id);
  for (const row of await tables.list("listener_statistics", { listener_id: id })) {
    await tables.remove("listener_statistics", row.id);
  }
  await tables.remove("listener", id);
}

async function removePolicy(tables: Tables, id: string): Promise<void> {
  for (const rule of await tables.list("l7rule", { l7policy_id: id })) await tables.remove("l7rule", rule.id);
  await tables.remove("l7policy", id);
}

async function removePool(tables: Tables, id: string): Promise<void> {
  for (const member of await tables.list("member", { pool_id: id })) await tables.remove("member", member.id);
  for (const monitor of await tables.list("health_monitor", { pool_id: id })) {
    await tables.remove("health_monitor", monitor.id);
  }
  await tables.remove("pool", id);
}

async function removeAddresses(tables: Tables, ownerId: string): Promise<void> {
  for (const address of await tables.list("address", { owner_id: ownerId })) await tables.remove("address", address.id);
}
