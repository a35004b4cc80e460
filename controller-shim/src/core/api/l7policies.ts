import { isLive } from "../store/live.ts";
import type { L7PolicyRow, ListenerRow, LoadBalancerRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, l7policies, listeners, loadBalancers, pools, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { invalid, notFound } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { called, freshColumns, touch } from "./fresh.ts";
import { insertL7Rule } from "./l7rules.ts";
import { insertPools, type NamedPools, resolvePool } from "./pool-references.ts";
import { checkListenerReadsHttp, checkPoolFitsListener } from "./protocols.ts";
import type { Shown } from "./representation.ts";
import { type L7PolicyBody, l7policyFields } from "./resources/l7policy.ts";

type Redirect = Pick<
  L7PolicyRow,
  "action" | "redirect_pool_id" | "redirect_url" | "redirect_prefix" | "redirect_http_code"
>;

/** The attribute an action needs; giving one of them says the action. */
const targets = {
  REDIRECT_TO_POOL: "redirect_pool_id",
  REDIRECT_TO_URL: "redirect_url",
  REDIRECT_PREFIX: "redirect_prefix",
} as const;
const targetNames = Object.values(targets);

export async function createL7Policy(context: ApiContext, body: unknown): Promise<Shown> {
  const wanted = parseCreate(l7policyFields, body);
  return changeBelow(context, async (change) => {
    const listener = await findRow(change.tables, listeners, wanted.listener_id);
    const loadBalancer = await findRow(change.tables, loadBalancers, listener.load_balancer_id);
    const named = await insertPools(change, loadBalancer, wanted.redirect_pool ? [wanted.redirect_pool] : []);
    const id = await insertL7Policy(change, loadBalancer, listener, wanted, named);
    await touch(change, "listener", listener.id);
    return {
      loadBalancerId: loadBalancer.id,
      text: `${called("policy", { id, name: wanted.name })} of ${called("listener", listener)} created`,
      answer: async (tables) => ({ l7policy: await show(tables, id) }),
    };
  });
}

export async function insertL7Policy(
  change: Change,
  loadBalancer: Pick<LoadBalancerRow, "project_id">,
  listener: ListenerRow,
  body: L7PolicyBody,
  named: NamedPools,
  /** Known when the listener is new, with all its policies; else the others make room. */
  knownPlace?: number,
): Promise<string> {
  checkListenerReadsHttp(listener);
  if (body.redirect_pool && body.redirect_pool_id !== null) {
    throw invalid("Only one of redirect_pool and redirect_pool_id can be given.");
  }
  const redirect_pool_id = body.redirect_pool ? resolvePool(body.redirect_pool, named).id : body.redirect_pool_id;
  const { redirect_url, redirect_prefix, redirect_http_code } = body;
  const row: L7PolicyRow = {
    ...freshColumns(change, loadBalancer, body),
    listener_id: listener.id,
    description: body.description,
    ...redirect({ action: body.action, redirect_pool_id, redirect_url, redirect_prefix, redirect_http_code }),
    position: knownPlace ?? body.position,
  };
  await checkRedirectPool(change, listener, row.redirect_pool_id);
  await change.tables.insert("l7policy", row);
  if (knownPlace === undefined) await place(change, row, body.position);
  for (const rule of body.rules) await insertL7Rule(change, loadBalancer, row, rule);
  return row.id;
}

export async function updateL7Policy(context: ApiContext, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(l7policyFields, body);
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, l7policies, id);
    const listener = await findRow(change.tables, listeners, row.listener_id);
    const { name, description, admin_state_up, tags, position } = wanted;
    const { action, redirect_pool_id, redirect_url, redirect_prefix, redirect_http_code } = wanted;
    const given = defined({ action, redirect_pool_id, redirect_url, redirect_prefix, redirect_http_code });
    const columns: Partial<Redirect> = Object.keys(given).length > 0 ? redirect(given, row) : {};
    await checkRedirectPool(change, listener, columns.redirect_pool_id ?? null);
    await change.tables.update("l7policy", id, {
      ...defined({ name, description, admin_state_up, tags }),
      ...columns,
      provisioning_status: "PENDING_UPDATE",
      updated_at: change.now,
    });
    if (position !== undefined) await place(change, row, position);
    await touch(change, "listener", listener.id);
    return {
      loadBalancerId: listener.load_balancer_id,
      text: `${called("policy", row)} of ${called("listener", listener)} updated`,
      answer: async (tables) => ({ l7policy: await show(tables, id) }),
    };
  });
}

export async function deleteL7Policy(context: ApiContext, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const row = await findRow(change.tables, l7policies, id);
    const listener = await findRow(change.tables, listeners, row.listener_id);
    await markL7PolicyDeleted(change, id);
    await renumber(change, await staying(change.tables, listener.id));
    await touch(change, "listener", listener.id);
    return {
      loadBalancerId: listener.load_balancer_id,
      text: `${called("policy", row)} of ${called("listener", listener)} deleted`,
      answer: async () => undefined,
    };
  });
}

export async function markL7PolicyDeleted({ tables }: Change, id: string): Promise<void> {
  await tables.update("l7policy", id, { provisioning_status: "PENDING_DELETE" });
  for (const rule of await tables.list("l7rule", { l7policy_id: id })) {
    await tables.update("l7rule", rule.id, { provisioning_status: "PENDING_DELETE" });
  }
}

async function show(tables: Tables, id: string): Promise<Shown> {
  return showRow(tables, l7policies, await findRow(tables, l7policies, id));
}

/** Positions of policies that are created together, as if one after the other had been put at its place. */
export function placesOf(bodies: readonly Pick<L7PolicyBody, "position">[]): number[] {
  const order: number[] = [];
  for (const [index, { position }] of bodies.entries()) order.splice(position - 1, 0, index);
  const places: number[] = [];
  for (const [place, index] of order.entries()) places[index] = place + 1;
  return places;
}

/** Puts the policy at its place; the others close ranks, dense from 1. Beyond the end is the end. */
async function place(change: Change, row: L7PolicyRow, position: number): Promise<void> {
  const others = (await staying(change.tables, row.listener_id)).filter((each) => each.id !== row.id);
  others.splice(position - 1, 0, row);
  await renumber(change, others);
}

async function renumber({ tables }: Change, policies: readonly L7PolicyRow[]): Promise<void> {
  for (const [index, policy] of policies.entries()) {
    if (policy.position !== index + 1) await tables.update("l7policy", policy.id, { position: index + 1 });
  }
}

/** By position, without those on their way out. */
async function staying(tables: Tables, listenerId: string): Promise<L7PolicyRow[]> {
  return (await tables.list("l7policy", { listener_id: listenerId }))
    .filter(isLive)
    .sort((a, b) => a.position - b.position);
}

/** One action with its one target: setting a target clears the others and says the action. */
function redirect(given: Partial<Redirect>, current?: L7PolicyRow): Redirect {
  const named = targetNames.filter((name) => given[name] !== undefined && given[name] !== null);
  const implied = (Object.keys(targets) as (keyof typeof targets)[]).find((each) => targets[each] === named[0]);
  const action = given.action ?? implied ?? current?.action ?? "REJECT";
  const target = action === "REJECT" ? undefined : targets[action];
  const stray = named.find((name) => name !== target);
  if (stray) throw invalid(`${stray} does not go with action ${action}.`);
  const columns: Redirect = {
    action,
    redirect_pool_id: null,
    redirect_url: null,
    redirect_prefix: null,
    redirect_http_code: null,
  };
  if (target === undefined) return columns;
  const value = given[target] === undefined ? current?.[target] : given[target];
  if (value === undefined || value === null) throw invalid(`Action ${action} needs ${target}.`);
  columns[target] = value;
  if (action !== "REDIRECT_TO_POOL") {
    const code = given.redirect_http_code === undefined ? current?.redirect_http_code : given.redirect_http_code;
    columns.redirect_http_code = code ?? 302;
  }
  return columns;
}

async function checkRedirectPool(change: Change, listener: ListenerRow, poolId: string | null): Promise<void> {
  if (poolId === null) return;
  const pool = await findRow(change.tables, pools, poolId);
  if (pool.load_balancer_id !== listener.load_balancer_id) throw notFound("pool", poolId);
  checkPoolFitsListener(pool, listener);
}
