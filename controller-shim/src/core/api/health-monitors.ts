import type { HealthMonitorRow, LoadBalancerRow, PoolRow } from "../store/rows.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, healthMonitors, pools, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { conflict, invalid } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns, touchPool } from "./fresh.ts";
import { checkMonitorFitsPool } from "./protocols.ts";
import type { Shown } from "./representation.ts";
import { type HealthMonitorBody, healthMonitorFields } from "./resources/health-monitor.ts";

const httpOptions = ["http_method", "url_path", "expected_codes", "http_version", "domain_name"] as const;
const httpDefaults = { http_method: "GET", url_path: "/", expected_codes: "200" } as const;

export async function createHealthMonitor(context: ApiContext, body: unknown): Promise<Shown> {
  const wanted = parseCreate(healthMonitorFields, body);
  return changeBelow(context, async (change) => {
    const pool = await findRow(change.tables, pools, wanted.pool_id);
    const row = await insertHealthMonitor(change, pool, pool, wanted);
    await setMemberStatuses(change, pool.id, "OFFLINE");
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("health monitor", row)} of ${called("pool", pool)} created`,
      answer: async (tables) => ({ healthmonitor: await showRow(tables, healthMonitors, row) }),
    };
  });
}

export async function insertHealthMonitor(
  change: Change,
  owner: Pick<LoadBalancerRow, "project_id">,
  pool: PoolRow,
  body: HealthMonitorBody,
): Promise<HealthMonitorRow> {
  checkMonitorFitsPool(body, pool);
  if ((await change.tables.list("health_monitor", { pool_id: pool.id })).length > 0) {
    throw conflict("This pool already has a health monitor");
  }
  const row: HealthMonitorRow = {
    ...freshColumns(change, owner, body),
    pool_id: pool.id,
    type: body.type,
    delay: body.delay,
    timeout: body.timeout,
    max_retries: body.max_retries,
    max_retries_down: body.max_retries_down,
    ...httpColumns(body.type, body),
  };
  await change.tables.insert("health_monitor", row);
  return row;
}

export async function updateHealthMonitor(context: ApiContext, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(healthMonitorFields, body);
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, healthMonitors, id);
    const pool = await findRow(change.tables, pools, row.pool_id);
    const { name, admin_state_up, tags, delay, timeout, max_retries, max_retries_down } = wanted;
    const merged = { ...row, ...defined({ delay, timeout, max_retries, max_retries_down }) };
    checkMonitorFitsPool(merged, pool);
    await change.tables.update("health_monitor", id, {
      ...defined({ name, admin_state_up, tags, delay, timeout, max_retries, max_retries_down }),
      ...httpColumns(row.type, { ...row, ...wanted }),
      provisioning_status: "PENDING_UPDATE",
      updated_at: change.now,
    });
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("health monitor", row)} of ${called("pool", pool)} updated`,
      answer: async (tables) => ({
        healthmonitor: await showRow(tables, healthMonitors, await findRow(tables, healthMonitors, id)),
      }),
    };
  });
}

export async function deleteHealthMonitor(context: ApiContext, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, healthMonitors, id);
    const pool = await findRow(change.tables, pools, row.pool_id);
    await change.tables.update("health_monitor", id, { provisioning_status: "PENDING_DELETE" });
    await setMemberStatuses(change, pool.id, "NO_MONITOR");
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("health monitor", row)} of ${called("pool", pool)} deleted`,
      answer: async () => undefined,
    };
  });
}

type HttpColumns = Pick<HealthMonitorRow, (typeof httpOptions)[number]>;

/** HTTP's options have their defaults with HTTP and HTTPS, are null with the others, and refused if asked for. */
function httpColumns(type: string, body: HttpColumns): HttpColumns {
  const { http_method, url_path, expected_codes, http_version, domain_name } = body;
  const given = { http_method, url_path, expected_codes, http_version, domain_name };
  if (type !== "HTTP" && type !== "HTTPS") {
    const option = httpOptions.find((name) => given[name] !== null);
    if (option) throw invalid(`${option} is not a valid option for health monitors of type ${type}.`);
    return given;
  }
  if (domain_name !== null && http_version !== 1.1) {
    throw invalid("http_version must be 1.1 when domain_name is given.");
  }
  return {
    http_method: http_method ?? httpDefaults.http_method,
    url_path: url_path ?? httpDefaults.url_path,
    expected_codes: expected_codes ?? httpDefaults.expected_codes,
    http_version,
    domain_name,
  };
}

/** Nobody has checked yet, or nobody will any more: heartbeats say the rest. */
async function setMemberStatuses(change: Change, poolId: string, status: "OFFLINE" | "NO_MONITOR"): Promise<void> {
  for (const member of await change.tables.list("member", { pool_id: poolId })) {
    await change.tables.update("member", member.id, { operating_status: status });
  }
}
