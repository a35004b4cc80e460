import { parseCidr, parseIp } from "../planning/ip.ts";
import type { ListenerRow, LoadBalancerRow } from "../store/rows.ts";
import { StoreConflict } from "../store/store.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, listeners, loadBalancers, pools, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { invalid, notFound } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns } from "./fresh.ts";
import { insertL7Policy, markL7PolicyDeleted, placesOf } from "./l7policies.ts";
import { insertPools, type NamedPools, poolsBelow, resolvePool } from "./pool-references.ts";
import { checkPoolFitsListener, duplicateListener } from "./protocols.ts";
import type { Shown } from "./representation.ts";
import { type ListenerBody, listenerFields } from "./resources/listener.ts";

const plainHeaders = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"];
const tlsHeaders = [
  "X-SSL-Client-Verify",
  "X-SSL-Client-Has-Cert",
  "X-SSL-Client-DN",
  "X-SSL-Client-CN",
  "X-SSL-Issuer",
  "X-SSL-Client-SHA1",
  "X-SSL-Client-Not-Before",
  "X-SSL-Client-Not-After",
];
const headersOf: Readonly<Record<string, readonly string[]>> = {
  HTTP: plainHeaders,
  TERMINATED_HTTPS: [...plainHeaders, ...tlsHeaders],
};

export async function createListener(context: ApiContext, body: unknown): Promise<Shown> {
  const wanted = parseCreate(listenerFields, body);
  return changeBelow(context, async (change) => {
    const loadBalancer = await findRow(change.tables, loadBalancers, wanted.loadbalancer_id);
    const named = await insertPools(change, loadBalancer, poolsBelow([wanted]));
    const row = await insertListener(change, loadBalancer, wanted, named);
    return {
      loadBalancerId: loadBalancer.id,
      text: `${called("listener", row)} created`,
      answer: async (tables) => ({ listener: await showRow(tables, listeners, row) }),
    };
  });
}

/** The listener with its policies and their rules. */
export async function insertListener(
  change: Change,
  loadBalancer: Pick<LoadBalancerRow, "id" | "project_id" | "vip_address">,
  body: ListenerBody,
  named: NamedPools,
): Promise<ListenerRow> {
  if (body.protocol === "TERMINATED_HTTPS") {
    throw invalid("An SNI or default container reference must be provided with protocol TERMINATED_HTTPS.");
  }
  if (body.default_pool && body.default_pool_id !== null) {
    throw invalid("Only one of default_pool and default_pool_id can be given.");
  }
  checkHeaders(body.insert_headers, body.protocol);
  checkCidrs(body.allowed_cidrs, loadBalancer.vip_address);
  const poolId = body.default_pool ? resolvePool(body.default_pool, named).id : body.default_pool_id;
  const row: ListenerRow = {
    ...freshColumns(change, loadBalancer, body),
    load_balancer_id: loadBalancer.id,
    description: body.description,
    protocol: body.protocol,
    protocol_port: body.protocol_port,
    default_pool_id: poolId,
    connection_limit: body.connection_limit,
    timeout_client_data: body.timeout_client_data,
    timeout_member_connect: body.timeout_member_connect,
    timeout_member_data: body.timeout_member_data,
    timeout_tcp_inspect: body.timeout_tcp_inspect,
    insert_headers: body.insert_headers,
    allowed_cidrs: body.allowed_cidrs,
  };
  await checkDefaultPool(change, row, poolId);
  // The index looks for others on this port: reading them all for each listener of a large tree takes minutes.
  await change.tables.insert("listener", row).catch((error: unknown) => {
    throw error instanceof StoreConflict ? duplicateListener(row.protocol, row.protocol_port) : error;
  });
  const places = placesOf(body.l7policies);
  for (const [index, policy] of body.l7policies.entries()) {
    await insertL7Policy(change, loadBalancer, row, policy, named, places[index]);
  }
  return row;
}

export async function updateListener(context: ApiContext, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(listenerFields, body);
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, listeners, id);
    const loadBalancer = await findRow(change.tables, loadBalancers, row.load_balancer_id);
    const { name, description, admin_state_up, tags, connection_limit, insert_headers, allowed_cidrs } = wanted;
    const { timeout_client_data, timeout_member_connect, timeout_member_data, timeout_tcp_inspect } = wanted;
    const { default_pool_id } = wanted;
    if (insert_headers !== undefined) checkHeaders(insert_headers, row.protocol);
    if (allowed_cidrs !== undefined) checkCidrs(allowed_cidrs, loadBalancer.vip_address);
    if (default_pool_id !== undefined) await checkDefaultPool(change, row, default_pool_id);
    const timeouts = { timeout_client_data, timeout_member_connect, timeout_member_data, timeout_tcp_inspect };
    await change.tables.update("listener", id, {
      ...defined({ name, description, admin_state_up, tags, connection_limit, insert_headers, allowed_cidrs }),
      ...defined({ ...timeouts, default_pool_id }),
      provisioning_status: "PENDING_UPDATE",
      updated_at: change.now,
    });
    return {
      loadBalancerId: loadBalancer.id,
      text: `${called("listener", row)} updated`,
      answer: async (tables) => ({ listener: await showRow(tables, listeners, await findRow(tables, listeners, id)) }),
    };
  });
}

export async function deleteListener(context: ApiContext, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, listeners, id);
    await markListenerDeleted(change, id);
    return {
      loadBalancerId: row.load_balancer_id,
      text: `${called("listener", row)} deleted`,
      answer: async () => undefined,
    };
  });
}

export async function markListenerDeleted(change: Change, id: string): Promise<void> {
  await change.tables.update("listener", id, { provisioning_status: "PENDING_DELETE" });
  for (const policy of await change.tables.list("l7policy", { listener_id: id })) {
    await markL7PolicyDeleted(change, policy.id);
  }
}

function checkHeaders(headers: Record<string, string>, protocol: string): void {
  for (const [name, value] of Object.entries(headers)) {
    const allowed = headersOf[protocol] ?? [];
    if (!allowed.includes(name)) throw invalid(`${name} is not a valid option for insert_headers of ${protocol}.`);
    if (!/^(true|false)$/i.test(value)) throw invalid(`${value} is not a valid option for insert_headers ${name}.`);
  }
}

function checkCidrs(cidrs: readonly string[] | null, vipAddress: string): void {
  const version = parseIp(vipAddress)?.version;
  const stray = cidrs?.find((each) => parseCidr(each)?.version !== version);
  if (stray !== undefined) {
    throw invalid(`CIDR ${stray} has another IP version than the VIP ${vipAddress}.`);
  }
}

async function checkDefaultPool(change: Change, listener: ListenerRow, poolId: string | null): Promise<void> {
  if (poolId === null) return;
  const pool = await findRow(change.tables, pools, poolId);
  if (pool.load_balancer_id !== listener.load_balancer_id) throw notFound("pool", poolId);
  checkPoolFitsListener(pool, listener);
}
