import { readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { ListenerStatisticsRow, OperatingStatus, ProvisioningStatus } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import type { ApiContext } from "./context.ts";
import { addUp, type Counters } from "./statistics.ts";

/** `GET /krater/v1/status`: everything there is, in one answer, for `krater status` and the live view. */
export interface ShimStatus {
  load_balancers: LoadBalancerStatus[];
  /** Amphorae whose load balancer is gone: on their way out. */
  stray_amphorae: AmphoraStatus[];
  /** Datagrams on the heartbeat port since the shim started: accepted, and refused by reason. */
  heartbeats?: Record<string, number>;
}

interface Statuses {
  id: string;
  name: string;
  admin_state_up: boolean;
  provisioning_status: ProvisioningStatus;
  operating_status: OperatingStatus;
}

export interface LoadBalancerStatus extends Statuses {
  vip_address: string;
  provider: string;
  wanted_revision: number;
  applied_revision: number;
  wanted_amphora_generation: number;
  deleting: boolean;
  attempts: number;
  /** Why it is in ERROR, in words. */
  error: string | null;
  amphorae: AmphoraStatus[];
  listeners: ListenerStatus[];
  pools: PoolStatus[];
}

export interface AmphoraStatus {
  id: string;
  load_balancer_id: string;
  role: string;
  status: string;
  generation: number;
  applied_revision: number;
  lb_network_ip: string;
  vrrp_ip: string;
  ha_ip: string;
  cert_expiration: string;
}

export interface ListenerStatus extends Statuses {
  protocol: string;
  protocol_port: number;
  default_pool_id: string | null;
  statistics: Counters;
}

export interface PoolStatus extends Statuses {
  protocol: string;
  lb_algorithm: string;
  health_monitor: (Statuses & { type: string }) | null;
  members: MemberStatus[];
}

interface MemberStatus extends Statuses {
  address: string;
  protocol_port: number;
  weight: number;
  backup: boolean;
  subnet_id: string | null;
}

export async function shimStatus({ store, heartbeats }: ApiContext): Promise<ShimStatus> {
  const rows = await store.list("load_balancer");
  const amphorae = (await store.list("amphora")).map((row): AmphoraStatus => {
    const { id, load_balancer_id, role, status, generation, applied_revision } = row;
    const { lb_network_ip, vrrp_ip, ha_ip, cert_expiration } = row;
    const what = { id, load_balancer_id, role, status, generation, applied_revision };
    return { ...what, lb_network_ip, vrrp_ip, ha_ip, cert_expiration };
  });
  const statistics = Map.groupBy(await store.list("listener_statistics"), (row) => row.listener_id);
  const load_balancers: LoadBalancerStatus[] = [];
  for (const { id } of rows) {
    const shown = await loadBalancerStatus(store, id, amphorae, statistics);
    if (shown) load_balancers.push(shown);
  }
  const known = new Set(rows.map((row) => row.id));
  const stray_amphorae = amphorae.filter((each) => !known.has(each.load_balancer_id));
  return { load_balancers, stray_amphorae, ...(heartbeats ? { heartbeats: heartbeats() } : {}) };
}

async function loadBalancerStatus(
  tables: Tables,
  id: string,
  amphorae: readonly AmphoraStatus[],
  statistics: ReadonlyMap<string, ListenerStatisticsRow[]>,
): Promise<LoadBalancerStatus | undefined> {
  const tree = await readLoadBalancerTree(tables, id);
  if (!tree) return undefined;
  const { vip_address, provider, wanted_revision, applied_revision, wanted_amphora_generation } = tree.loadBalancer;
  const { deleting, attempts, error } = tree.loadBalancer;
  const listeners: ListenerStatus[] = [];
  for (const { listener } of tree.listeners) {
    const { protocol, protocol_port, default_pool_id } = listener;
    const counters = await addUp(tables, statistics.get(listener.id) ?? []);
    listeners.push({ ...statuses(listener), protocol, protocol_port, default_pool_id, statistics: counters });
  }
  const pools = tree.pools.map(({ pool, members, healthMonitor }): PoolStatus => {
    const { protocol, lb_algorithm } = pool;
    return {
      ...statuses(pool),
      protocol,
      lb_algorithm,
      health_monitor: healthMonitor ? { ...statuses(healthMonitor), type: healthMonitor.type } : null,
      members: members.map((member): MemberStatus => {
        const { address, protocol_port, weight, backup, subnet_id } = member;
        return { ...statuses(member), address, protocol_port, weight, backup, subnet_id };
      }),
    };
  });
  return {
    ...statuses(tree.loadBalancer),
    vip_address,
    provider,
    wanted_revision,
    applied_revision,
    wanted_amphora_generation,
    deleting,
    attempts,
    error,
    amphorae: amphorae.filter((each) => each.load_balancer_id === id),
    listeners,
    pools,
  };
}

function statuses(row: Statuses): Statuses {
  const { id, name, admin_state_up, provisioning_status, operating_status } = row;
  return { id, name, admin_state_up, provisioning_status, operating_status };
}
