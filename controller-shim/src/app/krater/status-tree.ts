import type { ListenerStatus, LoadBalancerStatus, PoolStatus, ShimStatus } from "../../core/api/shim-status.ts";
import { harmless, type Paint } from "./paint.ts";

/** One line: indented text. */
interface Branch {
  text: string;
  below: Branch[];
}

/** Load balancers, their listeners with their pools and members, pools without a listener, amphorae. */
export function renderStatusTree(status: ShimStatus, paint: Paint): string[] {
  const strays = status.stray_amphorae.map((each) => `stray amphora ${each.id}  ${paint.status(each.status)}`);
  if (status.load_balancers.length === 0) return ["no load balancers", ...strays];
  return [...status.load_balancers.flatMap((each) => renderBranch(loadBalancerBranch(each, paint), "", "")), ...strays];
}

function loadBalancerBranch(loadBalancer: LoadBalancerStatus, paint: Paint): Branch {
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

function poolBranch(pool: PoolStatus, paint: Paint): Branch {
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
function monitorBranch(monitor: NonNullable<PoolStatus["health_monitor"]>, paint: Paint): Branch {
  const name = monitor.name === "" ? "" : ` ${harmless(monitor.name)}`;
  return { text: `monitor${name}  ${monitor.type}  ${statusesOf(monitor, paint)}`, below: [] };
}

function titleOf(thing: { id: string; name: string }): string {
  return harmless(thing.name) || thing.id;
}

function statusesOf(thing: Pick<PoolStatus, "provisioning_status" | "operating_status">, paint: Paint): string {
  return `${paint.status(thing.provisioning_status)} ${paint.status(thing.operating_status)}`;
}

function countersOf(listener: ListenerStatus, paint: Paint): string {
  const counters = listener.statistics;
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
