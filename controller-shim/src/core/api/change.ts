import { DriverError } from "../drivers/driver-error.ts";
import { readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import { StoreConflict, StoreUnavailable, type Tables } from "../store/store.ts";
import { timestamp } from "../store/timestamp.ts";
import type { ApiContext } from "./context.ts";
import { ApiFault, conflict, unsupported } from "./fault.ts";

/** One accepted write in the making: a transaction, and the instant it bears. */
export interface Change {
  tables: Tables;
  /** As the API shows it. */
  now: string;
  networks: ApiContext["networks"];
}

/** Below which load balancer the write happened, and what to answer. */
export interface Changed<Result> {
  loadBalancerId: string;
  /** What happened, for the event log: `listener web created`. */
  text: string;
  answer: (tables: Tables) => Promise<Result>;
  /** False when it turned out that nothing had to be written. */
  changed?: boolean;
}

/**
 * A write to a child of a load balancer. The checks run in Octavia's order: `work` does existence and semantics and
 * writes its rows; then the lock, then the driver. Whoever refuses, the transaction takes all rows back.
 */
export async function changeBelow<Result>(
  context: ApiContext,
  work: (change: Change) => Promise<Changed<Result>>,
): Promise<Result> {
  return transaction(context, async (change) => {
    const done = await work(change);
    const loadBalancer = await change.tables.get("load_balancer", done.loadBalancerId);
    if (!loadBalancer || !isMutable(loadBalancer)) {
      throw conflict(`Load Balancer ${done.loadBalancerId} is immutable and cannot be updated.`);
    }
    if (done.changed !== false) await requestApply(context, change, loadBalancer, {});
    return done;
  });
}

/** A write to a load balancer itself; `work` checks its state. */
export async function changeLoadBalancer<Result>(
  context: ApiContext,
  work: (change: Change) => Promise<Changed<Result>>,
): Promise<Result> {
  return transaction(context, work);
}

/** Adds one to what is wanted, with `columns` changed along; the driver has its say first. */
export async function requestApply(
  context: ApiContext,
  change: Change,
  loadBalancer: LoadBalancerRow,
  columns: Partial<LoadBalancerRow>,
): Promise<void> {
  await change.tables.update("load_balancer", loadBalancer.id, {
    provisioning_status: "PENDING_UPDATE",
    ...columns,
    wanted_revision: loadBalancer.wanted_revision + 1,
    error: null,
    attempts: 0,
    next_attempt_at_ms: 0,
  });
  if (columns.deleting) return; // Nothing is rendered any more.
  await admit(context, change.tables, loadBalancer.id);
}

export async function admit(context: ApiContext, tables: Tables, loadBalancerId: string): Promise<void> {
  const tree = await readLoadBalancerTree(tables, loadBalancerId);
  if (tree) await asFault(async () => context.amphoraDriver.admit(tree));
}

/** What is wanted is applied, and nothing stands in the way. */
export function isMutable(row: LoadBalancerRow): boolean {
  return row.wanted_revision === row.applied_revision && !row.deleting && !hasFailed(row);
}

export function hasFailed(row: LoadBalancerRow): boolean {
  return row.error !== null || row.provisioning_status === "ERROR";
}

export function invalidState(row: LoadBalancerRow): ApiFault {
  return conflict(`Invalid state ${row.provisioning_status} of loadbalancer resource ${row.id}`);
}

/** A driver's no, in the words and with the status Octavia gives it. */
export async function asFault<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    switch (error.kind) {
      case "unsupported":
        throw unsupported(error.message, { cause: error });
      case "out-of-resources":
        throw new ApiFault("out-of-resources", `Provider 'krater' reports error: ${error.message}`, { cause: error });
      case "other":
        throw new ApiFault("driver-failed", `Provider 'krater' reports error: ${error.message}`, { cause: error });
      default:
        return error.kind satisfies never;
    }
  }
}

async function transaction<Result>(
  context: ApiContext,
  work: (change: Change) => Promise<Changed<Result>>,
): Promise<Result> {
  const { store, clock, networks, events } = context;
  const { answer, done } = await store
    .transaction(async (tables) => {
      const done = await work({ tables, now: timestamp(clock.nowMs()), networks });
      return { answer: await done.answer(tables), done };
    })
    .catch((error: unknown) => {
      // The checks before it say more; this is the last line, for a check that has been forgotten.
      if (error instanceof StoreConflict) throw conflict(`Another object already exists (${error.constraint}).`);
      if (error instanceof StoreUnavailable) {
        throw new ApiFault("out-of-resources", `Nothing was changed: ${error.message}.`, { cause: error });
      }
      throw error;
    });
  if (done.changed !== false) {
    events.publish({
      name: "load-balancer.change-accepted",
      loadBalancerId: done.loadBalancerId,
      text: done.text,
    });
    context.wake(done.loadBalancerId);
  }
  return answer;
}
