import type { ListenerTree, LoadBalancerTree, PoolTree } from "../core/store/load-balancer-tree.ts";
import type {
  HealthMonitorRow,
  L7PolicyRow,
  L7RuleRow,
  ListenerRow,
  LoadBalancerRow,
  MemberRow,
  PoolRow,
} from "../core/store/rows.ts";
import {
  exampleHealthMonitor,
  exampleL7Policy,
  exampleL7Rule,
  exampleListener,
  exampleLoadBalancer,
  exampleMember,
  examplePool,
} from "./example-rows.ts";

/** `11000002-0002-4000-8000-000000000002` for ("11", 2): ids one can read. */
export function readableId(prefix: string, n: number): string {
  const digits = n.toString(16);
  return `${prefix}${digits.padStart(6, "0")}-${digits.padStart(4, "0").slice(-4)}-4000-8000-${digits.padStart(12, "0")}`;
}

const loadBalancerId = readableId("1b", 1);

export function treeOf(
  listeners: ListenerTree[],
  pools: PoolTree[],
  change: Partial<LoadBalancerRow> = {},
): LoadBalancerTree {
  return {
    loadBalancer: exampleLoadBalancer({
      id: loadBalancerId,
      project_id: "0123456789abcdef0123456789abcdef",
      vip_address: "198.51.100.10",
      ...change,
    }),
    listeners,
    pools,
  };
}

export function listenerOf(
  n: number,
  change: Partial<ListenerRow> = {},
  l7policies: ListenerTree["l7policies"] = [],
): ListenerTree {
  const id = readableId("11", n);
  const pool = readableId("50", n);
  return {
    listener: exampleListener({ id, load_balancer_id: loadBalancerId, default_pool_id: pool, ...change }),
    l7policies,
  };
}

export function poolOf(
  n: number,
  change: Partial<PoolRow> = {},
  members: MemberRow[] = [memberOf(1), memberOf(2)],
  healthMonitor?: HealthMonitorRow,
): PoolTree {
  return {
    pool: examplePool({ id: readableId("50", n), load_balancer_id: loadBalancerId, ...change }),
    members,
    healthMonitor,
  };
}

export function memberOf(n: number, change: Partial<MemberRow> = {}): MemberRow {
  return exampleMember({ id: readableId("3e", n), address: `203.0.113.${20 + n}`, ...change });
}

export function monitorOf(change: Partial<HealthMonitorRow> = {}): HealthMonitorRow {
  const settings = { delay: 5, timeout: 3, max_retries: 2, max_retries_down: 3, url_path: "/health" };
  return exampleHealthMonitor({ id: readableId("48", 1), ...settings, ...change });
}

export function policyOf(change: Partial<L7PolicyRow>, rules: L7RuleRow[]): ListenerTree["l7policies"][number] {
  return { policy: exampleL7Policy({ listener_id: readableId("11", 1), ...change }), rules };
}

export function ruleOf(n: number, change: Partial<L7RuleRow>): L7RuleRow {
  return exampleL7Rule({ id: `7022${readableId("", n).slice(2)}`, ...change });
}

/** The size the benchmarks speak of: 50 listeners, 1,000 members. */
export function largeTree(): LoadBalancerTree {
  const numbers = Array.from({ length: 50 }, (_, n) => n + 1);
  return treeOf(
    numbers.map((n) => listenerOf(n, { protocol_port: 8000 + n })),
    numbers.map((n) =>
      poolOf(
        n,
        {},
        Array.from({ length: 20 }, (_, m) => memberOf(n * 20 + m, { address: `203.0.${n}.${m + 1}` })),
        monitorOf(),
      ),
    ),
  );
}
