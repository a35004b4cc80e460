import { type ListenerTree, type PoolTree, readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import { loadBalancers } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { notFound } from "./fault.ts";
import type { Shown } from "./representation.ts";

/** `GET /loadbalancers/{id}/status`: both statuses of everything that takes traffic. */
export async function statusTree({ store }: ApiContext, id: string): Promise<Shown> {
  const tree = await readLoadBalancerTree(store, id);
  if (!tree) throw notFound(loadBalancers.title, id);
  const pools = new Map(tree.pools.map((each) => [each.pool.id, each]));
  const loadbalancer = {
    ...statuses(tree.loadBalancer),
    listeners: tree.listeners.map((each) => showListener(each, pools)),
  };
  return { statuses: { loadbalancer } };
}

/** A listener's pools are its default and those its policies redirect to; a pool nobody uses does not show. */
function showListener({ listener, l7policies }: ListenerTree, pools: ReadonlyMap<string, PoolTree>): Shown {
  const used = [listener.default_pool_id, ...l7policies.map(({ policy }) => policy.redirect_pool_id)];
  const below = [...new Set(used)].map((id) => pools.get(id ?? "")).filter((each) => each !== undefined);
  return { ...statuses(listener), pools: below.map(showPool) };
}

function showPool({ pool, members, healthMonitor }: PoolTree): Shown {
  return {
    ...statuses(pool),
    ...(healthMonitor ? { health_monitor: { ...statuses(healthMonitor), type: healthMonitor.type } } : {}),
    members: members.map((member) => ({
      ...statuses(member),
      address: member.address,
      protocol_port: member.protocol_port,
    })),
  };
}

function statuses(
  row: Pick<LoadBalancerRow, "id" | "name" | "operating_status" | "provisioning_status">,
): Record<string, unknown> {
  const { id, name, operating_status, provisioning_status } = row;
  return { id, name, operating_status, provisioning_status };
}
