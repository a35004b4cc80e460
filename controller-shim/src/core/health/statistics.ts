import type { HeartbeatMessage, ListenerStatistics } from "@krater/agent/contract";
import type { Store } from "../store/store.ts";

/** Counters wait here between two writes: a beat a second from many amphorae must not be a disk write each. */
export class StatisticsBuffer {
  readonly #store: Store;
  #waiting = new Map<string, { loadBalancerId: string; listenerId: string; amphoraId: string } & ListenerStatistics>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** `tx`, `rx`, `totconns` and `ereq` are differences since the last beat, `conns` is the number now. */
  add(loadBalancerId: string, message: Pick<HeartbeatMessage, "id" | "listeners">): void {
    for (const [listenerId, { stats }] of Object.entries(message.listeners)) {
      const key = `${listenerId}/${message.id}`;
      const sum = this.#waiting.get(key) ?? {
        loadBalancerId,
        listenerId,
        amphoraId: message.id,
        tx: 0,
        rx: 0,
        conns: 0,
        totconns: 0,
        ereq: 0,
      };
      for (const counter of ["tx", "rx", "totconns", "ereq"] as const) sum[counter] += Math.max(0, stats[counter]);
      sum.conns = Math.max(0, stats.conns);
      this.#waiting.set(key, sum);
    }
  }

  /** Writes everything that waits in one transaction; kept for the next time when that fails. */
  async flush(): Promise<void> {
    const batch = this.#waiting;
    if (batch.size === 0) return;
    this.#waiting = new Map();
    try {
      await this.#store.transaction(async (tables) => {
        for (const [id, sum] of batch) {
          // A listener deleted meanwhile, or one of somebody else's, has no counters.
          const listener = await tables.get("listener", sum.listenerId);
          if (listener?.load_balancer_id !== sum.loadBalancerId) continue;
          const row = await tables.get("listener_statistics", id);
          const counters = {
            bytes_in: (row?.bytes_in ?? 0) + sum.rx,
            bytes_out: (row?.bytes_out ?? 0) + sum.tx,
            total_connections: (row?.total_connections ?? 0) + sum.totconns,
            request_errors: (row?.request_errors ?? 0) + sum.ereq,
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
          for (const counter of ["tx", "rx", "totconns", "ereq"] as const) sum[counter] += later[counter];
          sum.conns = later.conns;
        }
      }
      this.#waiting = batch;
      throw error;
    }
  }
}
