import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { LoadBalancerRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";
import { describe, restOfBackoffMs } from "./failure.ts";
import { isFree } from "./lease.ts";
import { isWanting, type LoadBalancerReconciler } from "./reconcile-load-balancer.ts";

const LOOK_EVERY_MS = 1_000;
/** Looks at what says it is pending, to one at everything: whatever the statuses say, the revisions decide. */
const LOOK_AT_ALL_EVERY = 30;
const pending = ["PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE"] as const;

/** Starts reconciliations: at once when woken, and by looking at the rows every second, so that a lost wake costs that. */
export class ReconcileLoop {
  readonly #deps: { store: Store; clock: Clock; log: Log; owner: string; parallel: number };
  readonly #reconciler: Pick<LoadBalancerReconciler, "reconcile">;
  readonly #waiting = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #signal: AbortSignal | undefined;
  #looks = 0;

  constructor(
    reconciler: Pick<LoadBalancerReconciler, "reconcile">,
    deps: { store: Store; clock: Clock; log: Log; owner: string; parallel: number },
  ) {
    this.#reconciler = reconciler;
    this.#deps = deps;
  }

  wake(id: string): void {
    this.#waiting.add(id);
    this.#startWaiting();
  }

  /** Runs until the signal aborts, then waits for what is being worked on to let go. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    while (!signal.aborted) {
      await this.#look();
      await this.#deps.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#working.values());
  }

  async #look(): Promise<void> {
    const { clock, log, owner } = this.#deps;
    try {
      for (const row of await this.#rowsToLookAt()) {
        const nowMs = clock.nowMs();
        const due = restOfBackoffMs(row.next_attempt_at_ms, nowMs) === 0 && isFree(row, owner, nowMs);
        if (due && isWanting(row)) this.wake(row.id);
      }
    } catch (error) {
      log.error({ event: "reconcile.look-failed", error: describe(error) }, "the state database could not be read");
    }
  }

  /** Reading thousands of rows every second only to find nothing is too dear: what waits says so in its status. */
  async #rowsToLookAt(): Promise<LoadBalancerRow[]> {
    const { store } = this.#deps;
    if (this.#looks++ % LOOK_AT_ALL_EVERY === 0) return store.list("load_balancer");
    const rows: LoadBalancerRow[] = [];
    for (const provisioning_status of pending)
      rows.push(...(await store.list("load_balancer", { provisioning_status })));
    return rows;
  }

  #startWaiting(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    for (const id of this.#waiting) {
      if (this.#working.size >= this.#deps.parallel) return;
      if (this.#working.has(id)) continue;
      this.#waiting.delete(id);
      this.#working.set(id, this.#work(id, signal));
    }
  }

  async #work(id: string, signal: AbortSignal): Promise<void> {
    let againInMs: number | undefined;
    try {
      againInMs = (await this.#reconciler.reconcile(id, signal))?.againInMs;
    } catch (error) {
      this.#deps.log.error(
        { event: "reconcile.failed", loadBalancerId: id, error: describe(error) },
        "reconciliation failed unexpectedly",
      );
    }
    this.#working.delete(id);
    if (againInMs !== undefined) this.#wakeLater(id, againInMs);
    this.#startWaiting();
  }

  #wakeLater(id: string, ms: number): void {
    clearTimeout(this.#timers.get(id));
    if (this.#signal?.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      this.wake(id);
    }, ms);
    this.#timers.set(id, timer);
  }
}
