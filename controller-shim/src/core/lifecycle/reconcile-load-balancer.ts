import { type LoadBalancerTree, readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { AmphoraRow, LoadBalancerRow } from "../store/rows.ts";
import { AmphoraLife } from "./amphora-life.ts";
import { commitChildren, markError, removeLoadBalancer, settled } from "./commit.ts";
import { ATTEMPTS_MAX, backoffMs, describe, isPermanent, restOfBackoffMs } from "./failure.ts";
import { LeaseLost, renewLease, takeLease } from "./lease.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** Undefined: nothing more to do now. */
export type Outcome = { againInMs: number } | undefined;

/**
 * Makes what runs be as the rows say, from whatever was left behind: each step looks before it acts, and may be repeated.
 * One load balancer at a time and by one worker only, which a lease in its row sees to.
 */
export class LoadBalancerReconciler {
  readonly #life: Lifecycle;
  readonly #amphorae: AmphoraLife;
  /** When this process first saw a revision wanting; the deadline counts from there. */
  readonly #since = new Map<string, { revision: number; monotonicMs: number; lastError?: string }>();

  constructor(life: Lifecycle) {
    this.#life = life;
    this.#amphorae = new AmphoraLife(life);
  }

  async reconcile(id: string, outer: AbortSignal): Promise<Outcome> {
    const { store, clock, owner } = this.#life;
    const row = await store.get("load_balancer", id);
    if (!row || !isWanting(row)) {
      this.#since.delete(id);
      return undefined;
    }
    const waitMs = restOfBackoffMs(row.next_attempt_at_ms, clock.nowMs());
    if (waitMs > 0) return { againInMs: waitMs };
    const leased = await takeLease(store, row, owner, clock);
    if (!leased) return undefined;
    if (leased.attempts > ATTEMPTS_MAX) {
      // Each attempt so far ended with the shim itself: one more would, too.
      await this.#giveUp(id, `given up after ${ATTEMPTS_MAX} attempts that did not come to an end`);
      return undefined;
    }
    const remainingMs = this.#deadlineMs(leased) - clock.monotonicMs();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new DeadlineExceeded()), Math.max(1, remainingMs));
    const end = new AbortController();
    const renewal = renewLease(store, id, owner, clock, end.signal).catch((error: unknown) => stop.abort(error));
    try {
      const complete = await this.#realise(id, AbortSignal.any([outer, stop.signal]));
      this.#since.delete(id);
      return complete ? undefined : { againInMs: 0 };
    } catch (error) {
      return await this.#failed(leased, stop.signal.aborted ? (stop.signal.reason as unknown) : error, error, outer);
    } finally {
      clearTimeout(timer);
      end.abort();
      await renewal;
    }
  }

  /** True when rows and world agree, false when more has been asked for meanwhile. */
  async #realise(id: string, signal: AbortSignal): Promise<boolean> {
    const tree = await readLoadBalancerTree(this.#life.store, id);
    if (!tree) return true;
    if (tree.loadBalancer.deleting) {
      await this.#delete(tree, signal);
      return true;
    }
    const { current, others } = await this.#amphorae.takeStock(tree, signal);
    const amphora = current ?? (await this.#amphorae.allocate(tree));
    const legs = await this.#amphorae.wantedLegs(amphora, tree);
    await this.#amphorae.ensure(amphora, tree, { holdsVip: others.length === 0 }, signal);
    const endpoint = await this.#amphorae.untilItAnswers(amphora, signal);
    await this.#life.amphoraDriver.apply(endpoint, tree, signal);
    signal.throwIfAborted();
    // From here on it may be serving: a later failure must not take it for one that never did.
    await this.#life.store.update("amphora", amphora.id, { applied_revision: tree.loadBalancer.wanted_revision });
    for (const other of others) await this.#amphorae.destroy(other, "replaced", signal);
    if (others.length > 0 || legs.superfluous.length > 0) {
      await this.#amphorae.ensure(amphora, tree, { holdsVip: true, without: legs.superfluous }, signal);
      await this.#amphorae.dropAddresses(legs.superfluous);
    }
    return this.#commit(tree, amphora, signal);
  }

  async #delete({ loadBalancer }: LoadBalancerTree, signal: AbortSignal): Promise<void> {
    const { store, events } = this.#life;
    for (const amphora of await store.list("amphora", { load_balancer_id: loadBalancer.id })) {
      await this.#amphorae.destroy(amphora, "deleted", signal);
    }
    await store.transaction(async (tables) => {
      this.#mustHold(await tables.get("load_balancer", loadBalancer.id));
      await removeLoadBalancer(tables, loadBalancer.id);
    });
    this.#life.onApplied(loadBalancer.id);
    events.publish({
      name: "load-balancer.deleted",
      loadBalancerId: loadBalancer.id,
      text: `${title(loadBalancer)} is deleted`,
    });
  }

  async #commit(tree: LoadBalancerTree, amphora: AmphoraRow, signal: AbortSignal): Promise<boolean> {
    const { store, events, log } = this.#life;
    const { loadBalancer } = tree;
    signal.throwIfAborted();
    const complete = await store.transaction(async (tables) => {
      const now = await tables.get("load_balancer", loadBalancer.id);
      this.#mustHold(now);
      const alive = (await tables.get("amphora", amphora.id))?.status;
      if (alive !== "BOOTING" && alive !== "ALLOCATED") return false; // found dead while it was being configured
      await tables.update("amphora", amphora.id, { status: "ALLOCATED" });
      if (now?.wanted_revision !== loadBalancer.wanted_revision || now.deleting) return false;
      await commitChildren(tables, tree);
      await tables.update("load_balancer", loadBalancer.id, {
        ...settled,
        provisioning_status: "ACTIVE",
        applied_revision: loadBalancer.wanted_revision,
        error: null,
        ...(loadBalancer.admin_state_up ? {} : { operating_status: "OFFLINE" }),
      });
      return true;
    });
    if (!complete) {
      await this.#release(loadBalancer.id, 0);
      return false;
    }
    this.#life.onApplied(loadBalancer.id);
    const text = `${title(loadBalancer)} runs revision ${loadBalancer.wanted_revision}`;
    log.info({ event: "load-balancer.applied", loadBalancerId: loadBalancer.id, amphoraId: amphora.id }, text);
    events.publish({ name: "load-balancer.applied", loadBalancerId: loadBalancer.id, text });
    return true;
  }

  async #failed(row: LoadBalancerRow, error: unknown, last: unknown, outer: AbortSignal): Promise<Outcome> {
    const { clock, log, settings } = this.#life;
    if (error instanceof LeaseLost) return undefined;
    if (outer.aborted) {
      // The shim stops: the next one goes on at once, and this was no failure of the load balancer.
      await this.#release(row.id, 0, { attempts: Math.max(0, row.attempts - 1) });
      return undefined;
    }
    const late = error instanceof DeadlineExceeded || clock.monotonicMs() >= this.#deadlineMs(row);
    const known = this.#since.get(row.id);
    // What the deadline cut off says less than why the attempts before it failed.
    const reason = error instanceof DeadlineExceeded ? (known?.lastError ?? "it takes too long") : describe(last);
    if (known) known.lastError = reason;
    const fields = { loadBalancerId: row.id, attempt: row.attempts, error: reason };
    if (isPermanent(last) || late || row.attempts >= ATTEMPTS_MAX) {
      await this.#giveUp(row.id, late ? `${reason} (not applied within ${settings.deadlineMs / 1_000} s)` : reason);
      log.error({ event: "load-balancer.failed", ...fields }, `${title(row)} went to ERROR`);
      return undefined;
    }
    const againInMs = backoffMs(row.attempts, Math.random());
    await this.#release(row.id, clock.nowMs() + againInMs);
    log.warn({ event: "load-balancer.retried", ...fields, againInMs }, `${title(row)} could not be applied yet`);
    return { againInMs };
  }

  async #giveUp(id: string, text: string): Promise<void> {
    const { store, events } = this.#life;
    const tree = await readLoadBalancerTree(store, id);
    if (!tree) return;
    await store.transaction(async (tables) => {
      this.#mustHold(await tables.get("load_balancer", id));
      await markError(tables, tree, text);
    });
    this.#since.delete(id);
    this.#life.onApplied(id);
    events.publish({ name: "load-balancer.error", loadBalancerId: id, text: `${title(tree.loadBalancer)}: ${text}` });
  }

  async #release(id: string, nextAttemptAtMs: number, change: Partial<LoadBalancerRow> = {}): Promise<void> {
    const freed = { lease_owner: null, lease_until_ms: 0, next_attempt_at_ms: nextAttemptAtMs, ...change };
    await this.#life.store.update("load_balancer", id, freed, { lease_owner: this.#life.owner });
  }

  #mustHold(row: LoadBalancerRow | undefined): void {
    if (row?.lease_owner !== this.#life.owner) throw new LeaseLost(row?.id ?? "(gone)");
  }

  #deadlineMs(row: LoadBalancerRow): number {
    const known = this.#since.get(row.id);
    const since =
      known?.revision === row.wanted_revision
        ? known
        : { revision: row.wanted_revision, monotonicMs: this.#life.clock.monotonicMs() };
    this.#since.set(row.id, since);
    return since.monotonicMs + this.#life.settings.deadlineMs;
  }
}

/** Revisions say what is to be done; an error says that trying again was given up until the user asks anew. */
export function isWanting(row: LoadBalancerRow): boolean {
  if (row.error !== null && row.provisioning_status === "ERROR") return false;
  return row.deleting || row.wanted_revision !== row.applied_revision;
}

function title(row: Pick<LoadBalancerRow, "id" | "name">): string {
  return row.name === "" ? `load balancer ${row.id}` : `load balancer ${row.name}`;
}

class DeadlineExceeded extends Error {
  constructor() {
    super("the deadline passed");
    this.name = "DeadlineExceeded";
  }
}
