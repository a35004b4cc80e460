import type { KeyObject } from "node:crypto";
import type { HeartbeatMessage } from "@krater/agent/contract";
import type { Clock } from "../clock.ts";
import type { ShimEventLog } from "../events/shim-events.ts";
import { describe } from "../lifecycle/failure.ts";
import type { Log } from "../log.ts";
import { readLoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { AmphoraRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";
import { openHeartbeat, type RefusalReason } from "./open-heartbeat.ts";
import { operatingStatuses, type StatusChange } from "./operating-statuses.ts";
import type { StatisticsBuffer } from "./statistics.ts";

export interface HealthWorld {
  store: Store;
  clock: Clock;
  log: Log;
  events: ShimEventLog;
  statistics: StatisticsBuffer;
  key: KeyObject;
  heartbeatIntervalMs: number;
}

/** `busy`: beats of one amphora came faster than they could be looked at, and one was dropped. */
export type DatagramCount = RefusalReason | "accepted" | "unknown-amphora" | "wrong-source" | "busy";

/** The same report is compared with the rows again after so long, in case they changed by another way. */
const COMPARE_AGAIN_MS = 10_000;
const QUEUE_MAX = 16;

interface Beat {
  message: HeartbeatMessage;
  from: string;
}

/**
 * Heartbeats into operating statuses. What amphorae say is kept in memory and the database sees only differences: a
 * beat that says what the last one said costs one look-up.
 */
export class AmphoraHealth {
  readonly #world: HealthWorld;
  readonly #heard = new Map<string, { atMs: number; report: string; comparedAtMs: number }>();
  readonly #appliedAtMs = new Map<string, number>();
  /** Beats of an amphora are looked at one after the other; a queue exists while one of them is. */
  readonly #queues = new Map<string, Beat[]>();
  readonly #counts = new Map<DatagramCount, number>();

  constructor(world: HealthWorld) {
    this.#world = world;
  }

  /** One datagram, with the address it came from. Never throws: anybody on the network can send one. */
  receive(datagram: Buffer, from: string): void {
    const opened = openHeartbeat(datagram, this.#world.key);
    if (!opened.ok) {
      this.#refuse(opened.why, from);
      return;
    }
    const queue = this.#queues.get(opened.message.id);
    if (!queue) void this.#work(opened.message.id, { message: opened.message, from });
    else if (queue.length < QUEUE_MAX) queue.push({ message: opened.message, from });
    else this.#refuse("busy", from);
  }

  /** How long this amphora has been silent, counted from the first time anybody asked. */
  silentForMs(amphoraId: string): number {
    const nowMs = this.#world.clock.monotonicMs();
    const heard = this.#heard.get(amphoraId);
    if (heard) return nowMs - heard.atMs;
    this.#heard.set(amphoraId, { atMs: nowMs, report: "", comparedAtMs: 0 });
    return 0;
  }

  /** The amphora answered by other means, or silence was our own fault: count anew. */
  excuse(amphoraId: string): void {
    const heard = this.#heard.get(amphoraId);
    if (heard) heard.atMs = this.#world.clock.monotonicMs();
  }

  /** Rows of this load balancer changed: whatever is reported next is compared with them. */
  onApplied(loadBalancerId: string): void {
    this.#appliedAtMs.set(loadBalancerId, this.#world.clock.monotonicMs());
  }

  /** Forgets what is not among the living, so that memory does not grow with every failover. */
  keepOnly(amphorae: readonly AmphoraRow[]): void {
    const ids = new Set(amphorae.map((amphora) => amphora.id));
    const loadBalancers = new Set(amphorae.map((amphora) => amphora.load_balancer_id));
    for (const id of this.#heard.keys()) if (!ids.has(id)) this.#heard.delete(id);
    for (const id of this.#appliedAtMs.keys()) if (!loadBalancers.has(id)) this.#appliedAtMs.delete(id);
  }

  /** Datagrams since the start, by what became of them. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  async #work(amphoraId: string, first: Beat): Promise<void> {
    const queue = [first];
    this.#queues.set(amphoraId, queue);
    try {
      // The one being looked at stays in the queue until it is done.
      for (let beat = queue[0]; beat; queue.shift(), beat = queue[0]) await this.#look(beat);
    } catch (error) {
      this.#world.log.error(
        { event: "heartbeat.failed", amphoraId, error: describe(error) },
        "a heartbeat could not be looked at",
      );
    } finally {
      this.#queues.delete(amphoraId);
    }
  }

  async #look({ message, from }: Beat): Promise<void> {
    const { store, clock, statistics } = this.#world;
    const amphora = await store.get("amphora", message.id);
    if (!amphora) return this.#refuse("unknown-amphora", from);
    // All amphorae share one key: the address on the management network tells them apart.
    if (amphora.lb_network_ip !== from) return this.#refuse("wrong-source", from);
    this.#count("accepted");
    const id = amphora.load_balancer_id;
    statistics.add(id, message);
    const nowMs = clock.monotonicMs();
    const heard = this.#heard.get(message.id);
    const report = reportOf(message);
    const appliedAtMs = this.#appliedAtMs.get(id) ?? 0;
    const comparedAtMs = heard?.comparedAtMs ?? Number.NEGATIVE_INFINITY;
    const known = heard?.report === report && comparedAtMs > appliedAtMs && nowMs - comparedAtMs < COMPARE_AGAIN_MS;
    this.#heard.set(message.id, { atMs: nowMs, report, comparedAtMs: known ? comparedAtMs : nowMs });
    // One that boots or is being replaced says nothing about what clients meet.
    if (known || amphora.status !== "ALLOCATED") return;
    const settled = nowMs - appliedAtMs > 2 * this.#world.heartbeatIntervalMs;
    if (!settled) this.#heard.set(message.id, { atMs: nowMs, report, comparedAtMs: Number.NEGATIVE_INFINITY });
    await this.#compare(id, message, settled);
  }

  async #compare(loadBalancerId: string, message: HeartbeatMessage, settled: boolean): Promise<void> {
    const { store } = this.#world;
    const before = await readLoadBalancerTree(store, loadBalancerId);
    if (!before || operatingStatuses(before, message, { settled }).length === 0) return;
    const changes = await store.transaction(async (tables) => {
      const tree = await readLoadBalancerTree(tables, loadBalancerId);
      if (!tree) return [];
      const now = operatingStatuses(tree, message, { settled });
      for (const { table, id, to } of now) await tables.update(table, id, { operating_status: to });
      return now;
    });
    for (const change of changes) this.#tell(loadBalancerId, change);
  }

  #tell(loadBalancerId: string, { table, what, from, to }: StatusChange): void {
    const text = `${what} is ${to} (was ${from})`;
    this.#world.log.info({ event: "operating-status.changed", loadBalancerId, from, to }, text);
    this.#world.events.publish({ name: `${table.replace("_", "-")}.status-changed`, loadBalancerId, text });
  }

  #refuse(why: Exclude<DatagramCount, "accepted">, from: string): void {
    this.#count(why);
    // Once per reason: a flood must not become a flood of log lines.
    if (this.#counts.get(why) !== 1) return;
    this.#world.log.warn({ event: "heartbeat.refused", why, from }, "a heartbeat was refused; more are only counted");
  }

  #count(what: DatagramCount): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}

/** What of a message can change a status. */
function reportOf(message: HeartbeatMessage): string {
  const listeners = Object.entries(message.listeners).map(([id, { status }]) => [id, status]);
  return JSON.stringify([listeners, message.pools]);
}
