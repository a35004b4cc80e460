import { isLive } from "../store/live.ts";
import type { LoadBalancerRow, PoolRow, SessionPersistence } from "../store/rows.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, listeners, loadBalancers, pools, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { conflict, invalid } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns, touch, touchPool } from "./fresh.ts";
import { insertHealthMonitor } from "./health-monitors.ts";
import { insertMember } from "./members.ts";
import { checkPoolFitsListener, isDatagramProtocol } from "./protocols.ts";
import type { Shown } from "./representation.ts";
import { type PoolBody, poolFields, type SessionPersistenceBody } from "./resources/pool.ts";

export async function createPool(context: ApiContext, body: unknown): Promise<Shown> {
  const wanted = parseCreate(poolFields, body);
  return changeBelow(context, async (change) => {
    const { tables } = change;
    if (wanted.loadbalancer_id === null && wanted.listener_id === null) {
      throw invalid("Must provide at least one of: loadbalancer_id, listener_id");
    }
    const listener = wanted.listener_id === null ? undefined : await findRow(tables, listeners, wanted.listener_id);
    const loadBalancerId = wanted.loadbalancer_id ?? listener?.load_balancer_id ?? "";
    const loadBalancer = await findRow(tables, loadBalancers, loadBalancerId);
    if (listener) {
      if (listener.load_balancer_id !== loadBalancer.id) {
        throw invalid(`Listener ${listener.id} is not one of load balancer ${loadBalancer.id}.`);
      }
      if (listener.default_pool_id !== null) throw conflict("This listener already has a default pool");
      checkPoolFitsListener(wanted, listener);
    }
    const row = await insertPool(change, loadBalancer, wanted);
    if (listener) {
      await tables.update("listener", listener.id, { default_pool_id: row.id });
      await touch(change, "listener", listener.id);
    }
    return {
      loadBalancerId: loadBalancer.id,
      text: `${called("pool", row)} created`,
      answer: async (tables) => ({ pool: await showRow(tables, pools, row) }),
    };
  });
}

/** The pool with its members and its monitor. */
export async function insertPool(
  change: Change,
  loadBalancer: Pick<LoadBalancerRow, "id" | "project_id">,
  body: PoolBody,
): Promise<PoolRow> {
  const row: PoolRow = {
    ...freshColumns(change, loadBalancer, body),
    load_balancer_id: loadBalancer.id,
    description: body.description,
    protocol: body.protocol,
    lb_algorithm: body.lb_algorithm,
    session_persistence: persistence(body.session_persistence, null, body.protocol),
  };
  await change.tables.insert("pool", row);
  if (body.healthmonitor) await insertHealthMonitor(change, loadBalancer, row, body.healthmonitor);
  const monitored = body.healthmonitor !== null;
  for (const member of body.members) await insertMember(change, loadBalancer, row, member, monitored);
  return row;
}

export async function updatePool(context: ApiContext, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(poolFields, body);
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, pools, id);
    const { name, description, admin_state_up, tags, lb_algorithm, session_persistence } = wanted;
    await change.tables.update("pool", id, {
      ...defined({ name, description, admin_state_up, tags, lb_algorithm }),
      ...(session_persistence === undefined
        ? {}
        : { session_persistence: persistence(session_persistence, row.session_persistence, row.protocol) }),
      updated_at: change.now,
    });
    await touchPool(change, id);
    return {
      loadBalancerId: row.load_balancer_id,
      text: `${called("pool", row)} updated`,
      answer: async (tables) => ({ pool: await showRow(tables, pools, await findRow(tables, pools, id)) }),
    };
  });
}

export async function deletePool(context: ApiContext, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const { tables } = change;
    const row = await findRow(tables, pools, id);
    const [policy] = (await tables.list("l7policy", { redirect_pool_id: id })).filter(isLive);
    if (policy) throw conflict(`Pool ${id} is in use by L7 policy ${policy.id}`);
    await touchPool(change, id);
    for (const listener of await tables.list("listener", { default_pool_id: id })) {
      await tables.update("listener", listener.id, { default_pool_id: null });
    }
    await markPoolDeleted(change, id);
    return {
      loadBalancerId: row.load_balancer_id,
      text: `${called("pool", row)} deleted`,
      answer: async () => undefined,
    };
  });
}

export async function markPoolDeleted({ tables }: Change, id: string): Promise<void> {
  const pending = { provisioning_status: "PENDING_DELETE" } as const;
  await tables.update("pool", id, pending);
  for (const member of await tables.list("member", { pool_id: id })) await tables.update("member", member.id, pending);
  for (const monitor of await tables.list("health_monitor", { pool_id: id })) {
    await tables.update("health_monitor", monitor.id, pending);
  }
}

/** Without a type the one there is stays; a cookie name belongs to APP_COOKIE, and only there. */
function persistence(
  body: SessionPersistenceBody | null,
  current: SessionPersistence | null,
  protocol: string,
): SessionPersistence | null {
  if (body === null) return null;
  const type = body.type ?? current?.type;
  if (type === undefined) throw invalid("session_persistence needs a type.");
  const kept = type === current?.type ? current : undefined;
  const merged: SessionPersistence = {
    type,
    cookie_name: pick(body.cookie_name, kept?.cookie_name),
    persistence_timeout: pick(body.persistence_timeout, kept?.persistence_timeout),
    persistence_granularity: pick(body.persistence_granularity, kept?.persistence_granularity),
  };
  if (type === "APP_COOKIE" && merged.cookie_name === null) {
    throw invalid("Field cookie_name can not be blank when using session persistence type APP_COOKIE.");
  }
  if (type !== "APP_COOKIE" && merged.cookie_name !== null) {
    throw invalid(`Field cookie_name can not be specified for session persistence of type ${type}.`);
  }
  const hasDatagramOptions = merged.persistence_timeout !== null || merged.persistence_granularity !== null;
  if (hasDatagramOptions && !isDatagramProtocol(protocol)) {
    throw invalid("persistence_timeout and persistence_granularity are only for UDP and SCTP pools.");
  }
  if (isDatagramProtocol(protocol) && type !== "SOURCE_IP") {
    throw invalid(`Session persistence of type ${type} is not for ${protocol} protocol pools.`);
  }
  return merged;
}

function pick<Value>(given: Value | null | undefined, kept: Value | null | undefined): Value | null {
  return given === undefined ? (kept ?? null) : given;
}
