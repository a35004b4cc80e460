import { randomUUID } from "node:crypto";
import { AddressRefused, allocateAddress } from "../planning/allocate-address.ts";
import { contains, parseCidr, parseIp } from "../planning/ip.ts";
import type { ShimNetwork } from "../planning/networks.ts";
import { type LoadBalancerTree, readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { AddressRow, LoadBalancerRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import {
  admit,
  asFault,
  type Change,
  changeLoadBalancer,
  hasFailed,
  invalidState,
  isMutable,
  requestApply,
} from "./change.ts";
import {
  findRow,
  healthMonitors,
  l7policies,
  l7rules,
  listeners,
  loadBalancers,
  members,
  pools,
  showRow,
} from "./collections.ts";
import { type ApiContext, DEFAULT_PROJECT_ID, providers } from "./context.ts";
import { ApiFault, conflict, invalid } from "./fault.ts";
import { type Created, defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns } from "./fresh.ts";
import { insertListener, markListenerDeleted } from "./listeners.ts";
import { insertPools, poolsBelow } from "./pool-references.ts";
import { markPoolDeleted } from "./pools.ts";
import type { Shown } from "./representation.ts";
import { loadBalancerFields } from "./resources/load-balancer.ts";

type LoadBalancerBody = Created<typeof loadBalancerFields>;

/** Alone or as a whole tree; a tree is created whole or not at all. */
export async function createLoadBalancer(context: ApiContext, body: unknown): Promise<Shown> {
  const wanted = parseCreate(loadBalancerFields, body);
  const provider = checkProvider(wanted);
  const network = wanted.vip_port_id === null ? findVipNetwork(context.networks, wanted) : undefined;
  await asFault(() => context.computeDriver.admit());
  return changeLoadBalancer(context, async (change) => {
    if (!network) throw await refusePort(change.tables, wanted.vip_port_id ?? "");
    const row = await insertLoadBalancer(change, wanted, provider, network);
    const named = await insertPools(change, row, [...wanted.pools, ...poolsBelow(wanted.listeners)]);
    for (const listener of wanted.listeners) await insertListener(change, row, listener, named);
    await admit(context, change.tables, row.id);
    return {
      loadBalancerId: row.id,
      text: `${called("load balancer", row)} created`,
      answer: async (tables) => ({ loadbalancer: await showTree(tables, row) }),
    };
  });
}

async function insertLoadBalancer(
  change: Change,
  wanted: LoadBalancerBody,
  provider: string,
  network: ShimNetwork,
): Promise<LoadBalancerRow> {
  const id = randomUUID();
  const vip = await allocateVip(change.tables, network, id, wanted.vip_address ?? undefined);
  const project = { project_id: wanted.project_id ?? wanted.tenant_id ?? DEFAULT_PROJECT_ID };
  const row: LoadBalancerRow = {
    ...freshColumns(change, project, wanted),
    id,
    description: wanted.description,
    vip_address: vip.address,
    vip_subnet_id: network.subnet.id,
    vip_network_id: network.id,
    vip_port_id: vip.id,
    vip_qos_policy_id: null,
    provider,
    flavor_id: null,
    availability_zone: null,
    wanted_revision: 1,
    applied_revision: 0,
    deleting: false,
    wanted_amphora_generation: 1,
    error: null,
    attempts: 0,
    next_attempt_at_ms: 0,
    lease_owner: null,
    lease_until_ms: 0,
  };
  await change.tables.insert("load_balancer", row);
  return row;
}

export async function updateLoadBalancer(context: ApiContext, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(loadBalancerFields, body);
  return changeLoadBalancer(context, async (change) => {
    const row = await findRow(change.tables, loadBalancers, id);
    if (!isMutable(row)) throw invalidState(row);
    const { name, description, admin_state_up, tags } = wanted;
    const columns = defined({ name, description, admin_state_up, tags });
    await requestApply(context, change, row, { ...columns, updated_at: change.now });
    return {
      loadBalancerId: id,
      text: `${called("load balancer", row)} updated`,
      answer: async (tables) => ({
        loadbalancer: await showRow(tables, loadBalancers, await findRow(tables, loadBalancers, id)),
      }),
    };
  });
}

export async function deleteLoadBalancer(context: ApiContext, id: string, cascade: boolean): Promise<void> {
  return changeLoadBalancer(context, async (change) => {
    const row = await findRow(change.tables, loadBalancers, id);
    const below = { load_balancer_id: id };
    const children = [...(await change.tables.list("listener", below)), ...(await change.tables.list("pool", below))];
    if (children.length > 0 && !cascade) throw invalid(`Cannot delete Load Balancer ${id} - it has children`);
    if (!isMutable(row) && !hasFailed(row)) throw invalidState(row);
    for (const listener of await change.tables.list("listener", below)) await markListenerDeleted(change, listener.id);
    for (const pool of await change.tables.list("pool", below)) await markPoolDeleted(change, pool.id);
    await requestApply(context, change, row, { provisioning_status: "PENDING_DELETE", deleting: true });
    return {
      loadBalancerId: id,
      text: `${called("load balancer", row)} deleted`,
      answer: async () => undefined,
    };
  });
}

/** New amphorae take the place of the ones there are; the children keep their ids. */
export async function failOverLoadBalancer(context: ApiContext, id: string): Promise<void> {
  return changeLoadBalancer(context, async (change) => {
    const row = await findRow(change.tables, loadBalancers, id);
    if (row.deleting || !(isMutable(row) || hasFailed(row))) throw invalidState(row);
    await requestApply(context, change, row, { wanted_amphora_generation: row.wanted_amphora_generation + 1 });
    return {
      loadBalancerId: id,
      text: `failover of ${called("load balancer", row)} requested`,
      answer: async () => undefined,
    };
  });
}

function checkProvider(wanted: LoadBalancerBody): string {
  const name = wanted.provider ?? providers[0].name;
  if (!providers.some((each) => each.name === name)) {
    throw new ApiFault("invalid", `Provider '${name}' is not enabled.`);
  }
  if (wanted.flavor_id !== null) throw invalid("Invalid flavor_id.");
  if (wanted.availability_zone !== null) throw invalid("Invalid availability zone.");
  return name;
}

function findVipNetwork(networks: readonly ShimNetwork[], wanted: LoadBalancerBody): ShimNetwork {
  const { vip_subnet_id, vip_network_id, vip_address } = wanted;
  if (vip_subnet_id === null && vip_network_id === null) {
    throw invalid("VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.");
  }
  const candidates = networks.filter((each) => vip_network_id === null || each.id === vip_network_id);
  if (candidates.length === 0) throw new ApiFault("invalid", `Network ${vip_network_id} not found.`);
  const network = candidates.find((each) => vip_subnet_id === null || each.subnet.id === vip_subnet_id);
  if (!network) throw new ApiFault("invalid", `Subnet ${vip_subnet_id} not found.`);
  if (network.role !== "vip") throw invalid(`Network ${network.name} is not one for VIPs.`);
  const ip = vip_address === null ? undefined : parseIp(vip_address);
  const subnet = parseCidr(network.subnet.cidr);
  if (ip && subnet && !contains(subnet, ip)) {
    throw invalid(`VIP address ${vip_address} is not in subnet ${network.subnet.name} (${network.subnet.cidr}).`);
  }
  return network;
}

/** We make ports, nobody brings one: it is unknown, or another's. */
async function refusePort(tables: Tables, id: string): Promise<ApiFault> {
  const address = await tables.get("address", id);
  return address ? conflict(`Port ${id} is already in use.`) : new ApiFault("invalid", `Port ${id} not found.`);
}

async function allocateVip(
  tables: Tables,
  network: ShimNetwork,
  ownerId: string,
  wanted: string | undefined,
): Promise<AddressRow> {
  try {
    return await allocateAddress(tables, network, { wanted, ownerId, purpose: "vip" });
  } catch (error) {
    if (!(error instanceof AddressRefused)) throw error;
    switch (error.why) {
      case "outside":
        throw invalid(error.message);
      case "taken":
        throw conflict(error.message);
      case "exhausted":
        throw new ApiFault("out-of-resources", error.message, { cause: error });
      default:
        return error.why satisfies never;
    }
  }
}

/** The answer to a create holds what was created with it in full; later answers hold ids. */
async function showTree(tables: Tables, row: LoadBalancerRow): Promise<Shown> {
  const tree = await readLoadBalancerTree(tables, row.id);
  const shown = await showRow(tables, loadBalancers, row);
  if (!tree) return shown;
  return {
    ...shown,
    listeners: await Promise.all(tree.listeners.map((each) => showListenerTree(tables, each))),
    pools: await Promise.all(tree.pools.map((each) => showPoolTree(tables, each))),
  };
}

async function showListenerTree(tables: Tables, tree: LoadBalancerTree["listeners"][number]): Promise<Shown> {
  const policies = tree.l7policies.map(async ({ policy, rules }) => ({
    ...(await showRow(tables, l7policies, policy)),
    rules: await Promise.all(rules.map((rule) => showRow(tables, l7rules, rule))),
  }));
  return { ...(await showRow(tables, listeners, tree.listener)), l7policies: await Promise.all(policies) };
}

async function showPoolTree(tables: Tables, tree: LoadBalancerTree["pools"][number]): Promise<Shown> {
  const { healthmonitor_id: _, ...shown } = await showRow(tables, pools, tree.pool);
  return {
    ...shown,
    healthmonitor: tree.healthMonitor ? await showRow(tables, healthMonitors, tree.healthMonitor) : null,
    members: await Promise.all(tree.members.map((member) => showRow(tables, members, member))),
  };
}
