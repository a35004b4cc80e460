import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import { describe } from "./failure.ts";
import { isFree } from "./lease.ts";
import { isWanting, type LoadBalancerReconciler } from "./reconcile-load-balancer.ts";

const LOOK_EVERY_MS = 1_000;

/** Starts reconciliations: at once when woken, and by looking at the rows every second, so that a lost wake costs that. */
export class ReconcileLoop {
  readonly #deps: { store: Store; clock: Clock; log: Log; owner: string; parallel: number };
  readonly #reconciler: Pick<LoadBalancerReconciler, "reconcile">;
  readonly #waiting = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #signal: AbortSignal | undefined;

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
    const { store, clock, log, owner } = this.#deps;
    try {
      for (const row of await store.list("load_balancer")) {
        const due = row.next_attempt_at_ms <= clock.nowMs() && isFree(row, owner, clock.nowMs());
        if (due && isWanting(row)) this.wake(row.id);
      }
    } catch (error) {
      log.error({ event: "reconcile.look-failed", error: describe(error) }, "the state database could not be read");
    }
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
