import type { Clock } from "../clock.ts";
import type { AgentClient } from "../drivers/agent-client.ts";
import type { ComputeDriver } from "../drivers/compute-driver.ts";
import type { ShimEventLog } from "../events/shim-events.ts";
import { describe } from "../lifecycle/failure.ts";
import { endpointOf } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log.ts";
import type { AmphoraRow } from "../store/rows.ts";
import type { Store, Tables } from "../store/store.ts";
import type { AmphoraHealth } from "./amphora-health.ts";

export interface WatchWorld {
  store: Store;
  compute: ComputeDriver;
  agent: Pick<AgentClient, "info">;
  clock: Clock;
  log: Log;
  events: ShimEventLog;
  health: Pick<AmphoraHealth, "silentForMs" | "excuse" | "keepOnly">;
  wake(loadBalancerId: string): void;
  /** The networks were missing when the shim started: amphorae that run are attached to nothing. */
  networksWereMissing: boolean;
  observeIntervalMs: number;
  heartbeatTimeoutMs: number;
}

const QUESTION_MS = 3_000;
const QUESTIONS_AT_ONCE = 16;
const MEND_MS = 30_000;

/** Compares what should live with what does: the dead are replaced, what nobody knows is removed. */
export class AmphoraWatch {
  readonly #world: WatchWorld;
  #isDetached: boolean;
  #lookedAtMs: number | undefined;
  #silentLossAtMs = Number.NEGATIVE_INFINITY;

  constructor(world: WatchWorld) {
    this.#world = world;
    this.#isDetached = world.networksWereMissing;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, observeIntervalMs } = this.#world;
    let lastError = "";
    while (!signal.aborted) {
      try {
        await this.look(signal);
        lastError = "";
      } catch (error) {
        if (signal.aborted) return;
        const text = describe(error);
        if (text !== lastError) log.error({ event: "watch.failed", error: text }, "amphorae could not be looked after");
        lastError = text;
      }
      await clock.sleep(observeIntervalMs, signal).catch(() => undefined);
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { store, compute, clock, health, observeIntervalMs } = this.#world;
    if (this.#isDetached || !(await compute.hasNetworks())) await this.#attachAnew(signal);
    // The machine first, then the rows: a row is written before its amphora exists and removed after it is gone.
    const observed = new Map((await compute.observe()).map((each) => [each.amphoraId, each]));
    const amphorae = await store.list("amphora");
    health.keepOnly(amphorae);

    // When this process (or the whole machine) stood still, nobody else was silent.
    const nowMs = clock.monotonicMs();
    if (this.#lookedAtMs !== undefined && nowMs - this.#lookedAtMs > 5_000 + 2 * observeIntervalMs) {
      for (const amphora of amphorae) health.excuse(amphora.id);
    }
    this.#lookedAtMs = nowMs;

    const known = new Set(amphorae.map((amphora) => amphora.id));
    for (const id of observed.keys()) if (!known.has(id)) await this.#removeUnknown(id, signal);
    const silent: AmphoraRow[] = [];
    for (const amphora of amphorae.filter((each) => each.status === "ALLOCATED")) {
      if (!observed.get(amphora.id)?.running) await this.#lost(amphora, "its processes have ended");
      else if (health.silentForMs(amphora.id) >= this.#world.heartbeatTimeoutMs) silent.push(amphora);
    }
    for (let n = 0; n < silent.length; n += QUESTIONS_AT_ONCE) {
      await Promise.all(silent.slice(n, n + QUESTIONS_AT_ONCE).map((amphora) => this.#question(amphora, signal)));
    }
  }

  /** Bridges that somebody removed are made again; every load balancer then sees to the attachment of its amphorae. */
  async #attachAnew(signal: AbortSignal): Promise<void> {
    const { store, compute, log, events } = this.#world;
    this.#isDetached = true; // until all of it is done
    await compute.prepare(AbortSignal.any([signal, AbortSignal.timeout(MEND_MS)]));
    const ids = new Set((await store.list("amphora", { status: "ALLOCATED" })).map((each) => each.load_balancer_id));
    await store.transaction(async (tables) => {
      for (const id of ids) await wantAnew(tables, id);
    });
    this.#isDetached = false;
    if (ids.size === 0) return;
    const text = "networks of this machine were missing; amphorae are attached to them anew";
    log.warn({ event: "networks.mended" }, text);
    events.publish({ name: "networks.mended", text });
    for (const id of ids) this.#world.wake(id);
  }

  async #removeUnknown(amphoraId: string, signal: AbortSignal): Promise<void> {
    const { compute, log, events } = this.#world;
    await compute.destroy(amphoraId, signal);
    const text = `amphora ${amphoraId.slice(0, 8)} belonged to nothing and is removed`;
    log.warn({ event: "amphora.unknown", amphoraId }, text);
    events.publish({ name: "amphora.unknown", text });
  }

  async #question(amphora: AmphoraRow, signal: AbortSignal): Promise<void> {
    const { agent, clock, health, log, heartbeatTimeoutMs } = this.#world;
    const silentS = Math.round(health.silentForMs(amphora.id) / 1_000);
    try {
      // Replacing an amphora whose beats merely get lost would help nobody.
      await agent.info(endpointOf(amphora), AbortSignal.any([signal, AbortSignal.timeout(QUESTION_MS)]));
    } catch {
      signal.throwIfAborted();
      // One after the other: when all are silent at once it is the network's fault or ours, and no reason for a storm.
      if (clock.monotonicMs() - this.#silentLossAtMs < heartbeatTimeoutMs / 2) return;
      this.#silentLossAtMs = clock.monotonicMs();
      await this.#lost(amphora, `silent for ${silentS} s and not answering`);
      return;
    }
    health.excuse(amphora.id);
    const fields = { event: "heartbeat.missing", amphoraId: amphora.id, silentS };
    log.warn(fields, "an amphora answers but its heartbeats do not arrive");
  }

  /** Its load balancer gets a new revision to realise; the reconciler sees which amphora is no good any more. */
  async #lost(amphora: AmphoraRow, why: string): Promise<void> {
    const { store, log, events } = this.#world;
    const id = amphora.load_balancer_id;
    const marked = await store.transaction(async (tables) => {
      if (!(await tables.update("amphora", amphora.id, { status: "ERROR" }, { status: "ALLOCATED" }))) return false;
      const others = await tables.list("amphora", { load_balancer_id: id, status: "ALLOCATED" });
      // Nobody serves it now; the heartbeats of the next amphora say when that is over.
      if (others.length === 0) await tables.update("load_balancer", id, { operating_status: "ERROR" });
      await wantAnew(tables, id);
      return true;
    });
    if (!marked) return;
    const text = `amphora ${amphora.id.slice(0, 8)} is lost: ${why}`;
    log.warn({ event: "amphora.lost", amphoraId: amphora.id, loadBalancerId: id, why }, text);
    events.publish({ name: "amphora.lost", loadBalancerId: id, text });
    this.#world.wake(id);
  }
}

/** A new revision of the same: who realises it puts right what it finds. One that is at work anyway does so, too. */
async function wantAnew(tables: Tables, loadBalancerId: string): Promise<void> {
  const row = await tables.get("load_balancer", loadBalancerId);
  if (!row || row.deleting || row.error !== null) return;
  await tables.update("load_balancer", loadBalancerId, {
    wanted_revision: row.wanted_revision + 1,
    ...(row.provisioning_status === "ACTIVE" ? { provisioning_status: "PENDING_UPDATE" } : {}),
  });
}
