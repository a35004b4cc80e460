import type { Clock } from "../clock.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";

/** Long enough for a busy machine to renew in time, short enough that the work of a dead shim is soon taken over. */
export const LEASE_MS = 15_000;
const RENEW_EVERY_MS = 5_000;

export class LeaseLost extends Error {
  constructor(loadBalancerId: string) {
    super(`the lease on load balancer ${loadBalancerId} was lost`);
    this.name = "LeaseLost";
  }
}

export function isFree(row: LoadBalancerRow, owner: string, nowMs: number): boolean {
  return row.lease_owner === null || row.lease_owner === owner || row.lease_until_ms <= nowMs;
}

/** Takes the lease by compare-and-set and counts the attempt; undefined when somebody else was faster. */
export async function takeLease(
  store: Store,
  row: LoadBalancerRow,
  owner: string,
  clock: Clock,
): Promise<LoadBalancerRow | undefined> {
  if (!isFree(row, owner, clock.nowMs())) return undefined;
  const change = { lease_owner: owner, lease_until_ms: clock.nowMs() + LEASE_MS, attempts: row.attempts + 1 };
  const expected = { lease_owner: row.lease_owner, lease_until_ms: row.lease_until_ms, attempts: row.attempts };
  return (await store.update("load_balancer", row.id, change, expected)) ? { ...row, ...change } : undefined;
}

/** Renews until `signal` aborts. Rejects with `LeaseLost` when the row is no longer ours. */
export async function renewLease(store: Store, id: string, owner: string, clock: Clock, signal: AbortSignal) {
  while (!signal.aborted) {
    await clock.sleep(RENEW_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    const change = { lease_until_ms: clock.nowMs() + LEASE_MS };
    if (!(await store.update("load_balancer", id, change, { lease_owner: owner }))) throw new LeaseLost(id);
  }
}

/** For who knows that no other shim runs (it holds the state folder): work of a killed one goes on at once. */
export async function freeAllLeases(store: Store): Promise<void> {
  for (const row of await store.list("load_balancer")) {
    if (row.lease_owner === null) continue;
    const freed = { lease_owner: null, lease_until_ms: 0, next_attempt_at_ms: 0 };
    await store.update("load_balancer", row.id, freed, { lease_owner: row.lease_owner });
  }
}
