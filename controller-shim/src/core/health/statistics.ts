import type { HeartbeatMessage, ListenerStatistics } from "@krater/agent/contract";
import type { Store } from "../store/store.ts";

/** A beat names listeners by any text: what one amphora may make us keep, and look up at the next write. */
const LISTENERS_PER_AMPHORA_MAX = 10_000;

/** Counters wait here between two writes: a beat a second from many amphorae must not be a disk write each. */
export class StatisticsBuffer {
  readonly #store: Store;
  readonly #listenersOf = new Map<string, number>();
  #waiting = new Map<string, { loadBalancerId: string; listenerId: string; amphoraId: string } & ListenerStatistics>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** `tx`, `rx`, `totconns` and `ereq` are differences since the last beat, `conns` is the number now. */
  add(loadBalancerId: string, message: Pick<HeartbeatMessage, "id" | "listeners">): void {
    for (const [listenerId, { stats }] of Object.entries(message.listeners)) {
      const key = `${listenerId}/${message.id}`;
      const known = this.#waiting.get(key);
      const listeners = this.#listenersOf.get(message.id) ?? 0;
      if (!known && listeners >= LISTENERS_PER_AMPHORA_MAX) continue;
      if (!known) this.#listenersOf.set(message.id, listeners + 1);
      const sum = known ?? {
        loadBalancerId,
        listenerId,
        amphoraId: message.id,
        tx: 0,
        rx: 0,
        conns: 0,
        totconns: 0,
        ereq: 0,
      };
      for (const counter of ["tx", "rx", "totconns", "ereq"] as const) {
        sum[counter] = added(sum[counter], Math.max(0, stats[counter]));
      }
      sum.conns = Math.max(0, stats.conns);
      this.#waiting.set(key, sum);
    }
  }

  /** Writes everything that waits in one transaction; kept for the next time when that fails. */
  async flush(): Promise<void> {
    const batch = this.#waiting;
    if (batch.size === 0) return;
    this.#waiting = new Map();
    this.#listenersOf.clear();
    try {
      await this.#store.transaction(async (tables) => {
        for (const [id, sum] of batch) {
          // A listener deleted meanwhile, or one of somebody else's, has no counters.
          const listener = await tables.get("listener", sum.listenerId);
          if (listener?.load_balancer_id !== sum.loadBalancerId) continue;
          const row = await tables.get("listener_statistics", id);
          const counters = {
            bytes_in: added(row?.bytes_in ?? 0, sum.rx),
            bytes_out: added(row?.bytes_out ?? 0, sum.tx),
            total_connections: added(row?.total_connections ?? 0, sum.totconns),
            request_errors: added(row?.request_errors ?? 0, sum.ereq),
            active_connections: (await tables.get("amphora", sum.amphoraId)) ? sum.conns : 0,
          };
          if (row) await tables.update("listener_statistics", id, counters);
          else {
            await tables.insert("listener_statistics", {
              id,
              load_balancer_id: sum.loadBalancerId,
              listener_id: sum.listenerId,
              amphora_id: sum.amphoraId,
              ...counters,
            });
          }
        }
      });
    } catch (error) {
      for (const [key, later] of this.#waiting) {
        const sum = batch.get(key);
        if (!sum) batch.set(key, later);
        else {
          for (const counter of ["tx", "rx", "totconns", "ereq"] as const) {
            sum[counter] = added(sum[counter], later[counter]);
          }
          sum.conns = later.conns;
        }
      }
      this.#waiting = batch;
      this.#listenersOf.clear();
      for (const { amphoraId } of batch.values()) {
        this.#listenersOf.set(amphoraId, (this.#listenersOf.get(amphoraId) ?? 0) + 1);
      }
      throw error;
    }
  }
}

/** Stops at the last number JSON and SQLite's driver read back exactly: one more could never be read again. */
function added(sum: number, more: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, sum + more);
}
