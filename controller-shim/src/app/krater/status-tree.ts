import { harmless, type Paint } from "./paint.ts";

/** `GET /krater/v1/status`, as far as the tree shows it. */
export interface Overview {
  load_balancers: OverviewLoadBalancer[];
  /** On the machine and of no load balancer: about to be removed, or left by a state that was restored. */
  stray_amphorae?: { id: string; status: string; lb_network_ip?: string }[];
}

export interface OverviewLoadBalancer extends Statuses {
  vip_address: string;
  /** Why it does not become what was asked for. */
  error?: string | null;
  listeners: (Statuses & {
    protocol: string;
    protocol_port: number;
    default_pool_id?: string | null;
    statistics?: { active_connections: number; total_connections: number; request_errors: number };
  })[];
  pools: (Statuses & {
    protocol: string;
    lb_algorithm: string;
    health_monitor?: (Statuses & { type: string }) | null;
    members: (Statuses & { address: string; protocol_port: number; weight: number; backup?: boolean })[];
  })[];
  amphorae: { id: string; role: string; status: string; lb_network_ip: string; vrrp_ip?: string }[];
}

interface Statuses {
  id: string;
  name: string;
  provisioning_status: string;
  operating_status: string;
}

/** One line: indented text. */
interface Branch {
  text: string;
  below: Branch[];
}

/** Load balancers, their listeners with their pools and members, pools without a listener, amphorae. */
export function renderStatusTree(overview: Overview, paint: Paint): string[] {
  const strays = (overview.stray_amphorae ?? []).map(
    (each) => `stray amphora ${each.id}  ${paint.status(each.status)}`,
  );
  if (overview.load_balancers.length === 0) return ["no load balancers", ...strays];
  return [
    ...overview.load_balancers.flatMap((each) => renderBranch(loadBalancerBranch(each, paint), "", "")),
    ...strays,
  ];
}

function loadBalancerBranch(loadBalancer: OverviewLoadBalancer, paint: Paint): Branch {
  const shown = new Set(loadBalancer.listeners.map((each) => each.default_pool_id));
  const pool = (id: string | null | undefined) => loadBalancer.pools.filter((each) => each.id === id);
  return {
    text: `${paint.bold("load balancer")} ${titleOf(loadBalancer)}  VIP ${loadBalancer.vip_address}  ${statusesOf(loadBalancer, paint)}`,
    below: [
      ...(loadBalancer.error ? [{ text: `${paint.status("ERROR")}: ${harmless(loadBalancer.error)}`, below: [] }] : []),
      ...loadBalancer.listeners.map((listener) => ({
        text: `listener ${titleOf(listener)}  ${listener.protocol}:${listener.protocol_port}  ${statusesOf(listener, paint)}${countersOf(listener, paint)}`,
        below: pool(listener.default_pool_id).map((each) => poolBranch(each, paint)),
      })),
      ...loadBalancer.pools.filter((each) => !shown.has(each.id)).map((each) => poolBranch(each, paint)),
      ...loadBalancer.amphorae.map((amphora) => ({
        text: `amphora ${amphora.id}  ${amphora.role}  ${amphora.lb_network_ip}  ${paint.status(amphora.status)}`,
        below: [],
      })),
    ],
  };
}

function poolBranch(pool: OverviewLoadBalancer["pools"][number], paint: Paint): Branch {
  return {
    text: `pool ${titleOf(pool)}  ${pool.protocol} ${pool.lb_algorithm}  ${statusesOf(pool, paint)}`,
    below: [
      ...(pool.health_monitor ? [monitorBranch(pool.health_monitor, paint)] : []),
      ...pool.members.map((member) => ({
        text: `member ${titleOf(member)}  ${member.address}:${member.protocol_port}  weight ${member.weight}${member.backup ? " backup" : ""}  ${statusesOf(member, paint)}`,
        below: [],
      })),
    ],
  };
}

/** Its name only where it has one: nobody knows monitors by their ids. */
function monitorBranch(monitor: Statuses & { type: string }, paint: Paint): Branch {
  const name = monitor.name === "" ? "" : ` ${harmless(monitor.name)}`;
  return { text: `monitor${name}  ${monitor.type}  ${statusesOf(monitor, paint)}`, below: [] };
}

function titleOf(thing: { id: string; name: string }): string {
  return harmless(thing.name) || thing.id;
}

function statusesOf(thing: Statuses, paint: Paint): string {
  return `${paint.status(thing.provisioning_status)} ${paint.status(thing.operating_status)}`;
}

function countersOf(listener: OverviewLoadBalancer["listeners"][number], paint: Paint): string {
  const counters = listener.statistics;
  if (!counters) return "";
  return paint.dim(
    `  ${counters.active_connections} open, ${counters.total_connections} connections, ${counters.request_errors} errors`,
  );
}

function renderBranch(branch: Branch, lead: string, indent: string): string[] {
  const last = branch.below.length - 1;
  return [
    `${lead}${branch.text}`,
    ...branch.below.flatMap((each, n) =>
      renderBranch(each, `${indent}${n === last ? "└─ " : "├─ "}`, `${indent}${n === last ? "   " : "│  "}`),
    ),
  ];
}
