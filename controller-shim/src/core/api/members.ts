import type { LoadBalancerRow, MemberRow, PoolRow } from "../store/rows.ts";
import { StoreConflict } from "../store/store.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, listObjects, members, pools, showObject, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { ApiFault, invalid } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns, touchPool } from "./fresh.ts";
import { duplicateMember } from "./protocols.ts";
import { readFlag } from "./query.ts";
import type { Shown } from "./representation.ts";
import { type MemberBody, memberFields } from "./resources/member.ts";

/** Of this pool and no other: a pool that is not there is told before a member that is not. */
export async function listMembers(
  context: ApiContext,
  poolId: string,
  query: URLSearchParams,
  self: string,
): Promise<Shown> {
  const pool = await findRow(context.store, pools, poolId);
  return listObjects(context, members, query, self, { pool_id: pool.id });
}

export async function showOneMember(
  context: ApiContext,
  poolId: string,
  id: string,
  query: URLSearchParams,
): Promise<Shown> {
  const pool = await findRow(context.store, pools, poolId);
  return showObject(context, members, id, query, { pool_id: pool.id });
}

export async function createMember(context: ApiContext, poolId: string, body: unknown): Promise<Shown> {
  const wanted = parseCreate(memberFields, body);
  return changeBelow(context, async (change) => {
    const pool = await findRow(change.tables, pools, poolId);
    const row = await insertMember(change, pool, pool, wanted, await isMonitored(change, pool));
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("member", { ...row, name: row.name || row.address })} of ${called("pool", pool)} created`,
      answer: async (tables) => ({ member: await showRow(tables, members, row) }),
    };
  });
}

export async function insertMember(
  change: Change,
  owner: Pick<LoadBalancerRow, "project_id">,
  pool: PoolRow,
  body: MemberBody,
  monitored: boolean,
): Promise<MemberRow> {
  checkSubnet(change, body.subnet_id);
  const { address, protocol_port } = body;
  const row: MemberRow = {
    ...freshColumns(change, owner, body),
    operating_status: monitored ? "OFFLINE" : "NO_MONITOR",
    pool_id: pool.id,
    address,
    protocol_port,
    weight: body.weight,
    backup: body.backup,
    subnet_id: body.subnet_id,
    monitor_address: body.monitor_address,
    monitor_port: body.monitor_port,
  };
  await change.tables.insert("member", row).catch((error: unknown) => {
    throw error instanceof StoreConflict ? duplicateMember(address, protocol_port) : error;
  });
  return row;
}

async function isMonitored({ tables }: Change, pool: PoolRow): Promise<boolean> {
  return (await tables.list("health_monitor", { pool_id: pool.id })).length > 0;
}

export async function updateMember(context: ApiContext, poolId: string, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(memberFields, body);
  return changeBelow(context, async (change) => {
    const pool = await findRow(change.tables, pools, poolId);
    const row = await findRow(change.tables, members, id, { pool_id: pool.id });
    await writeMember(change, row, memberColumns(wanted));
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("member", row)} of ${called("pool", pool)} updated`,
      answer: async (tables) => ({ member: await showRow(tables, members, await findRow(tables, members, id)) }),
    };
  });
}

export async function deleteMember(context: ApiContext, poolId: string, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const pool = await findRow(change.tables, pools, poolId);
    const row = await findRow(change.tables, members, id, { pool_id: pool.id });
    await change.tables.update("member", id, { provisioning_status: "PENDING_DELETE" });
    await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `${called("member", row)} of ${called("pool", pool)} deleted`,
      answer: async () => undefined,
    };
  });
}

/**
 * The whole membership at once. The key is (address, port): what is known is updated and keeps its id, what is new is
 * created, what is missing is deleted unless `additive_only`. All of it or nothing.
 */
export async function replaceMembers(
  context: ApiContext,
  poolId: string,
  body: unknown,
  query: URLSearchParams,
): Promise<void> {
  const wanted = parseBatch(body);
  const additive = readFlag(query, "additive_only");
  return changeBelow(context, async (change) => {
    const pool = await findRow(change.tables, pools, poolId);
    const monitored = await isMonitored(change, pool);
    const known = new Map((await change.tables.list("member", { pool_id: pool.id })).map((row) => [keyOf(row), row]));
    let changed = false;
    for (const { created, given } of wanted) {
      const row = known.get(keyOf(created));
      known.delete(keyOf(created));
      checkSubnet(change, created.subnet_id);
      if (row) {
        const columns = pick({ ...memberColumns(created), subnet_id: created.subnet_id }, given);
        if (!differs(row, columns)) continue;
        await writeMember(change, row, columns);
      } else await insertMember(change, pool, pool, created, monitored);
      changed = true;
    }
    for (const row of additive ? [] : known.values()) {
      await change.tables.update("member", row.id, { provisioning_status: "PENDING_DELETE" });
      changed = true;
    }
    if (changed) await touchPool(change, pool.id);
    return {
      loadBalancerId: pool.load_balancer_id,
      text: `members of ${called("pool", pool)} replaced`,
      changed,
      answer: async () => undefined,
    };
  });
}

interface BatchEntry {
  created: MemberBody;
  /** Attributes the body named: an update leaves the others alone. */
  given: ReadonlySet<string>;
}

function parseBatch(body: unknown): BatchEntry[] {
  if (!Array.isArray(body)) throw new ApiFault("invalid", "Invalid input for field/attribute members: expected a list");
  const seen = new Set<string>();
  return body.map((raw: unknown) => {
    const created = parseCreate(memberFields, raw);
    if (seen.has(keyOf(created))) {
      throw invalid(`Member ${created.address} port ${created.protocol_port} is given more than once.`);
    }
    seen.add(keyOf(created));
    return { created, given: new Set(Object.keys(raw as object)) };
  });
}

const keyOf = (member: { address: string; protocol_port: number }) => `${member.address} ${member.protocol_port}`;

function memberColumns(body: Partial<MemberBody>): Partial<MemberRow> {
  const { name, admin_state_up, tags, weight, backup, monitor_address, monitor_port } = body;
  return defined({ name, admin_state_up, tags, weight, backup, monitor_address, monitor_port });
}

function pick(columns: Partial<MemberRow>, given: ReadonlySet<string>): Partial<MemberRow> {
  return Object.fromEntries(Object.entries(columns).filter(([name]) => given.has(name)));
}

function differs(row: MemberRow, columns: Partial<MemberRow>): boolean {
  return Object.entries(columns).some(([name, value]) => {
    return JSON.stringify(Reflect.get(row, name)) !== JSON.stringify(value);
  });
}

async function writeMember(change: Change, row: MemberRow, columns: Partial<MemberRow>): Promise<void> {
  await change.tables.update("member", row.id, {
    ...columns,
    provisioning_status: "PENDING_UPDATE",
    updated_at: change.now,
  });
}

/** A member without one is reached through the default route; the management network is nobody's business. */
function checkSubnet(change: Change, subnetId: string | null): void {
  if (subnetId === null) return;
  const network = change.networks.find((each) => each.subnet.id === subnetId);
  if (!network || network.role === "management") throw new ApiFault("invalid", `Subnet ${subnetId} not found.`);
}
