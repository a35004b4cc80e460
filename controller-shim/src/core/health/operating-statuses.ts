import type { HeartbeatMessage } from "@krater/agent/contract";
import { isLive } from "../store/live.ts";
import type { LoadBalancerTree, PoolTree } from "../store/load-balancer-tree.ts";
import type { ListenerRow, MemberRow, OperatingStatus } from "../store/rows.ts";

export interface StatusChange {
  table: "load_balancer" | "listener" | "pool" | "member";
  id: string;
  from: OperatingStatus;
  to: OperatingStatus;
  /** For people: `member 192.0.2.11:80`. */
  what: string;
}

type Report = HeartbeatMessage["pools"][string];

/**
 * What a heartbeat says about a load balancer, as the API's operating statuses: only what differs from the rows.
 * `settled` is false right after a change was applied: a beat on its way may not know the newest children yet, so what it
 * does not name keeps its status.
 */
export function operatingStatuses(
  tree: LoadBalancerTree,
  message: Pick<HeartbeatMessage, "listeners" | "pools">,
  options: { settled: boolean },
): StatusChange[] {
  const changes: StatusChange[] = [];
  const note = (
    table: StatusChange["table"],
    row: { id: string; operating_status: OperatingStatus },
    to: OperatingStatus,
    what: string,
  ) => {
    if (row.operating_status !== to) changes.push({ table, id: row.id, from: row.operating_status, to, what });
  };
  const { loadBalancer } = tree;
  let whole: "ONLINE" | "DEGRADED" | "ERROR" = "ONLINE";
  const worsen = (to: "DEGRADED" | "ERROR") => {
    if (whole !== "ERROR") whole = to;
  };

  for (const { listener } of tree.listeners) {
    if (!isLive(listener)) continue;
    const to = listenerStatus(listener, message.listeners[listener.id]?.status, tree, options.settled);
    if (to === "DEGRADED" || to === "ERROR") worsen(to);
    note("listener", listener, to, `listener ${label(listener)}`);
  }

  const reports = reportsByPool(message.pools);
  for (const poolTree of tree.pools) {
    if (!isLive(poolTree.pool)) continue;
    const report = reports.get(poolTree.pool.id);
    const anyDown = notePool(poolTree, report, options.settled, note);
    if (report?.status === "DOWN") worsen("ERROR");
    else if (report && anyDown) worsen("DEGRADED");
  }
  note(
    "load_balancer",
    loadBalancer,
    loadBalancer.admin_state_up ? whole : "OFFLINE",
    `load balancer ${label(loadBalancer)}`,
  );
  return changes;
}

/** True when a reported member is down. */
function notePool(
  { pool, members }: PoolTree,
  report: Report | undefined,
  settled: boolean,
  note: (table: "pool" | "member", row: PoolTree["pool"] | MemberRow, to: OperatingStatus, what: string) => void,
): boolean {
  let anyDown = false;
  for (const member of members) {
    if (!isLive(member)) continue;
    const to = memberStatus(member, report?.members[member.id], settled);
    if (to === "ERROR" && report) anyDown = true;
    note("member", member, to, `member ${member.address}:${member.protocol_port} of pool ${label(pool)}`);
  }
  note("pool", pool, poolStatus(pool, report, anyDown, settled), `pool ${label(pool)}`);
  return anyDown;
}

function listenerStatus(
  listener: ListenerRow,
  reported: string | undefined,
  { loadBalancer }: LoadBalancerTree,
  settled: boolean,
): OperatingStatus {
  if (!listener.admin_state_up || !loadBalancer.admin_state_up) return "OFFLINE";
  if (reported === "OPEN") return "ONLINE";
  if (reported === "FULL") return "DEGRADED";
  if (reported !== undefined || !settled) return listener.operating_status;
  return loadBalancer.provisioning_status === "ACTIVE" ? "ERROR" : "OFFLINE";
}

function poolStatus(
  pool: PoolTree["pool"],
  report: Report | undefined,
  anyDown: boolean,
  settled: boolean,
): OperatingStatus {
  if (!pool.admin_state_up) return "OFFLINE";
  if (!report) return settled ? "OFFLINE" : pool.operating_status;
  if (report.status === "UP") return anyDown ? "DEGRADED" : "ONLINE";
  return report.status === "DOWN" ? "ERROR" : pool.operating_status;
}

function memberStatus(member: MemberRow, reported: string | undefined, settled: boolean): OperatingStatus {
  if (!member.admin_state_up) return "OFFLINE";
  if (reported === undefined) {
    return !settled || member.operating_status === "NO_MONITOR" ? member.operating_status : "OFFLINE";
  }
  // `UP 1/3` and `DOWN 1/2` are on their way: haproxy still treats them as the first word says.
  const [word] = reported.split(" ");
  if (word === "UP") return "ONLINE";
  if (word === "DOWN") return "ERROR";
  if (word === "DRAIN") return "DRAINING";
  if (word === "MAINT") return "OFFLINE";
  if (reported === "no check") return "NO_MONITOR";
  return member.operating_status;
}

/** Keys are `<pool>:<listener>`; the first report of a pool counts, as with a stock controller. */
function reportsByPool(pools: HeartbeatMessage["pools"]): Map<string, Report> {
  const reports = new Map<string, Report>();
  for (const [key, report] of Object.entries(pools)) {
    const colon = key.lastIndexOf(":");
    const id = colon < 0 ? key : key.slice(0, colon);
    if (!reports.has(id)) reports.set(id, report);
  }
  return reports;
}

function label(row: { id: string; name: string }): string {
  return row.name === "" ? row.id.slice(0, 8) : row.name;
}
