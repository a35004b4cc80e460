import type { HealthMonitorRow, L7PolicyRow, L7RuleRow, ListenerRow, MemberRow, PoolRow, Rows } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";

/** Who belongs to whom, read at once for all the objects that are about to be shown. */
export interface Relations {
  listenersOf(loadBalancerId: string): ListenerRow[];
  poolsOf(loadBalancerId: string): PoolRow[];
  policiesOf(listenerId: string): L7PolicyRow[];
  rulesOf(policyId: string): L7RuleRow[];
  membersOf(poolId: string): MemberRow[];
  monitorOf(poolId: string): HealthMonitorRow | undefined;
  /** Listeners with the pool as their default, or with a policy that redirects to it. */
  listenersUsing(poolId: string): ListenerRow[];
}

type Wanted = "load_balancer" | "listener" | "pool" | "member" | "health_monitor" | "l7policy" | "l7rule";

/**
 * For one object only its own relatives are read, for a list whole tables once: reading for each object of a list
 * would cost a query per object.
 */
export async function readRelations<Name extends Wanted>(
  tables: Tables,
  table: Name,
  rows: readonly Rows[Name][],
): Promise<Relations> {
  const only = rows.length === 1 ? rows[0]?.id : undefined;
  const relatives = new Relatives();
  if (rows.length === 0) return relatives;
  if (table === "load_balancer") {
    const where = only === undefined ? {} : { load_balancer_id: only };
    relatives.listeners = await tables.list("listener", where);
    relatives.pools = await tables.list("pool", where);
  } else if (table === "listener") {
    relatives.policies = await tables.list("l7policy", only === undefined ? {} : { listener_id: only });
  } else if (table === "pool") {
    const where = only === undefined ? {} : { pool_id: only };
    relatives.members = await tables.list("member", where);
    relatives.monitors = await tables.list("health_monitor", where);
    relatives.listeners = await tables.list("listener", loadBalancerOf(rows as readonly PoolRow[]));
    relatives.policies = (await tables.list("l7policy")).filter((policy) => policy.redirect_pool_id !== null);
  } else if (table === "l7policy") {
    relatives.rules = await tables.list("l7rule", only === undefined ? {} : { l7policy_id: only });
  }
  return relatives;
}

function loadBalancerOf(pools: readonly PoolRow[]): { load_balancer_id?: string } {
  const [pool, ...others] = pools;
  return pool && others.length === 0 ? { load_balancer_id: pool.load_balancer_id } : {};
}

class Relatives implements Relations {
  listeners: ListenerRow[] = [];
  pools: PoolRow[] = [];
  policies: L7PolicyRow[] = [];
  rules: L7RuleRow[] = [];
  members: MemberRow[] = [];
  monitors: HealthMonitorRow[] = [];
  readonly #indexes = new Map<string, Map<unknown, unknown[]>>();

  listenersOf(id: string): ListenerRow[] {
    return this.#find("listenersOf", this.listeners, (row) => row.load_balancer_id, id);
  }

  poolsOf(id: string): PoolRow[] {
    return this.#find("poolsOf", this.pools, (row) => row.load_balancer_id, id);
  }

  policiesOf(id: string): L7PolicyRow[] {
    const found = this.#find("policiesOf", this.policies, (row) => row.listener_id, id);
    return found.toSorted((a, b) => a.position - b.position);
  }

  rulesOf(id: string): L7RuleRow[] {
    return this.#find("rulesOf", this.rules, (row) => row.l7policy_id, id);
  }

  membersOf(id: string): MemberRow[] {
    return this.#find("membersOf", this.members, (row) => row.pool_id, id);
  }

  monitorOf(id: string): HealthMonitorRow | undefined {
    return this.#find("monitorOf", this.monitors, (row) => row.pool_id, id)[0];
  }

  listenersUsing(id: string): ListenerRow[] {
    const byDefault = this.#find("usingByDefault", this.listeners, (row) => row.default_pool_id, id);
    const redirecting = this.#find("usingByPolicy", this.policies, (row) => row.redirect_pool_id, id);
    const byPolicy = new Set(redirecting.map((policy) => policy.listener_id));
    if (byPolicy.size === 0) return byDefault;
    return this.listeners.filter((row) => row.default_pool_id === id || byPolicy.has(row.id));
  }

  #find<Row>(name: string, rows: Row[], keyOf: (row: Row) => unknown, key: string): Row[] {
    let index = this.#indexes.get(name);
    if (!index) {
      index = Map.groupBy<unknown, unknown>(rows, (row) => keyOf(row as Row));
      this.#indexes.set(name, index);
    }
    return (index.get(key) ?? []) as Row[];
  }
}
