import type { ListenerStatisticsRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import { findRow, listeners, loadBalancers } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import type { Shown } from "./representation.ts";

export interface Counters {
  active_connections: number;
  bytes_in: number;
  bytes_out: number;
  request_errors: number;
  total_connections: number;
}

export async function loadBalancerStatistics({ store }: ApiContext, id: string): Promise<Shown> {
  await findRow(store, loadBalancers, id);
  return { stats: await addUp(store, await store.list("listener_statistics", { load_balancer_id: id })) };
}

export async function listenerStatistics({ store }: ApiContext, id: string): Promise<Shown> {
  await findRow(store, listeners, id);
  return { stats: await addUp(store, await store.list("listener_statistics", { listener_id: id })) };
}

/** Totals of amphorae that are gone still count; connections do not outlive theirs. */
export async function addUp(tables: Tables, rows: readonly ListenerStatisticsRow[]): Promise<Counters> {
  const total = { active_connections: 0, bytes_in: 0, bytes_out: 0, request_errors: 0, total_connections: 0 };
  const alive = new Map<string, boolean>();
  for (const row of rows) {
    if (!alive.has(row.amphora_id))
      alive.set(row.amphora_id, (await tables.get("amphora", row.amphora_id)) !== undefined);
    if (alive.get(row.amphora_id)) total.active_connections += row.active_connections;
    total.bytes_in += row.bytes_in;
    total.bytes_out += row.bytes_out;
    total.request_errors += row.request_errors;
    total.total_connections += row.total_connections;
  }
  return total;
}
