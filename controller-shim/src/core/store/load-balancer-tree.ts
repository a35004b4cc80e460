import type {
  HealthMonitorRow,
  L7PolicyRow,
  L7RuleRow,
  ListenerRow,
  LoadBalancerRow,
  MemberRow,
  PoolRow,
} from "./rows.ts";
import type { Tables } from "./store.ts";

/** A load balancer with everything below it, in the order the API lists it: what drivers render and plans look at. */
export interface LoadBalancerTree {
  loadBalancer: LoadBalancerRow;
  listeners: ListenerTree[];
  pools: PoolTree[];
}
export interface ListenerTree {
  listener: ListenerRow;
  /** By position. */
  l7policies: { policy: L7PolicyRow; rules: L7RuleRow[] }[];
}
export interface PoolTree {
  pool: PoolRow;
  members: MemberRow[];
  healthMonitor: HealthMonitorRow | undefined;
}

export async function readLoadBalancerTree(tables: Tables, id: string): Promise<LoadBalancerTree | undefined> {
  const loadBalancer = await tables.get("load_balancer", id);
  if (!loadBalancer) return undefined;
  const listeners: ListenerTree[] = [];
  for (const listener of await tables.list("listener", { load_balancer_id: id })) {
    const policies = await tables.list("l7policy", { listener_id: listener.id });
    policies.sort((a, b) => a.position - b.position);
    const l7policies: ListenerTree["l7policies"] = [];
    for (const policy of policies) {
      l7policies.push({ policy, rules: await tables.list("l7rule", { l7policy_id: policy.id }) });
    }
    listeners.push({ listener, l7policies });
  }
  const pools: PoolTree[] = [];
  for (const pool of await tables.list("pool", { load_balancer_id: id })) {
    const [healthMonitor] = await tables.list("health_monitor", { pool_id: pool.id });
    pools.push({ pool, members: await tables.list("member", { pool_id: pool.id }), healthMonitor });
  }
  return { loadBalancer, listeners, pools };
}
