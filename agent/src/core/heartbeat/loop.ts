import type { Clock } from "../clock.ts";
import type { AgentConfiguration, LiveConfiguration } from "../configuration/agent-configuration.ts";
import type { EventSink } from "../events/agent-events.ts";
import type { HaproxySockets } from "../haproxy/haproxy-sockets.ts";
import type { LoadBalancerObservation } from "../haproxy/load-balancers.ts";
import { type HaproxyStatistics, parseStatistics, STATISTICS_COMMAND } from "../haproxy/statistics.ts";
import type { Log } from "../log.ts";
import { messageOf } from "../message-of.ts";
import { type CounterStore, DeltaCounters } from "./counters.ts";
import { type Datagrams, RoundRobin } from "./destinations.ts";
import { MAX_DATAGRAM_BYTES, Sealer } from "./envelope.ts";
import { buildMessage } from "./message.ts";
import { reasonToWithhold, type VrrpProcess } from "./vrrp-gate.ts";

export interface HeartbeatDependencies {
  clock: Clock;
  log: Log;
  configuration: LiveConfiguration;
  events: EventSink;
  observe(): Promise<LoadBalancerObservation[]>;
  sockets: HaproxySockets;
  counterStore: CounterStore;
  vrrp: VrrpProcess;
  datagrams: Datagrams;
}

/** Since the start of the agent; every beat ends as exactly one of the first three. */
export interface HeartbeatCounts {
  sent: number;
  failed: number;
  withheld: number;
  /** Payload bytes of the datagrams sent. */
  bytes: number;
}

export interface Heartbeats {
  /** Beats at once instead of at the next interval; calls during a beat lead to one more. Also after a new configuration. */
  beatNow(): void;
  counts(): HeartbeatCounts;
  /** Resolves when the signal has ended the loop. Never rejects. */
  stopped: Promise<void>;
}

/** haproxy answers within milliseconds; one that does not is left out of this beat, as a failed query. */
const QUERY_TIMEOUT_MS = 2_000;
/** A beat takes milliseconds. One that hangs (a disk, a resolver) is given up, and the next one tries. */
const BEAT_TIMEOUT_MS = 5_000;
/** How soon a changed `heartbeat_interval` is noticed when nobody calls `beatNow`. */
const LONGEST_SLEEP_MS = 1_000;
/** However often someone asks, no more than ten beats a second. */
const SHORTEST_GAP_MS = 100;

/** Beats from now until the signal aborts, whether or not there is anything to report yet. */
export function startHeartbeats(deps: HeartbeatDependencies, signal: AbortSignal): Heartbeats {
  return new HeartbeatLoop(deps, signal);
}

class HeartbeatLoop implements Heartbeats {
  readonly stopped: Promise<void>;
  readonly #deps: HeartbeatDependencies;
  readonly #signal: AbortSignal;
  readonly #counts: HeartbeatCounts = { sent: 0, failed: 0, withheld: 0, bytes: 0 };
  readonly #roundRobin = new RoundRobin();
  readonly #sealer = new Sealer();
  #wake = new AbortController();
  #ticking: Promise<void> | undefined;
  #asked = false;
  #sequence = 0;
  /** Load balancers whose last query failed: said when it begins and when it ends, not at every beat. */
  readonly #silent = new Set<string>();
  /** The last thing that kept a beat from going out, said once until it changes. */
  #trouble: string | undefined;

  constructor(deps: HeartbeatDependencies, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    this.stopped = this.#run();
  }

  beatNow(): void {
    this.#asked = true;
    this.#wake.abort();
  }

  counts(): HeartbeatCounts {
    return { ...this.#counts };
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    let counters = DeltaCounters.parse(undefined);
    const read = this.#readCounters().then((stored) => {
      counters = stored;
    });
    await this.#within(read);
    while (!this.#signal.aborted) {
      const startedMs = clock.monotonicMs();
      this.#asked = false;
      const beat = { givenUp: false };
      // 3.3: whatever goes wrong while building withholds this one beat.
      const work = this.#beat(counters, beat).catch((error: unknown) => this.#failed(messageOf(error), "error"));
      if (!(await this.#within(work)) && !this.#signal.aborted) {
        beat.givenUp = true;
        this.#failed(`not done after ${BEAT_TIMEOUT_MS} ms`, "error");
      }
      await this.#pause(startedMs);
    }
  }

  /** Until the next interval or the next `beatNow`, looking at the configured interval at least once a second. */
  async #pause(startedMs: number): Promise<void> {
    const { clock, configuration } = this.#deps;
    while (!this.#signal.aborted) {
      const waitMs = this.#asked ? SHORTEST_GAP_MS : configuration.current().healthManager.heartbeatIntervalMs;
      const leftMs = Math.max(waitMs, SHORTEST_GAP_MS) - (clock.monotonicMs() - startedMs);
      if (leftMs <= 0) return;
      await this.#tick(leftMs);
    }
  }

  /** True when the work was done in time. */
  async #within(work: Promise<void>): Promise<boolean> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + BEAT_TIMEOUT_MS;
    let done = false;
    const finished = work.then(() => {
      done = true;
    });
    while (!done && !this.#signal.aborted && clock.monotonicMs() < untilMs) {
      await Promise.race([finished, this.#tick(this.#asked ? SHORTEST_GAP_MS : LONGEST_SLEEP_MS)]);
    }
    return done;
  }

  /**
   * The one sleep of the loop, at most a second long: deadlines and pauses share it. A timer per step, cancelled each
   * time, would cost a fifth of a small beat (abort errors with stack traces).
   */
  #tick(ms: number): Promise<void> {
    if (this.#wake.signal.aborted && !this.#signal.aborted) this.#wake = new AbortController();
    this.#ticking ??= this.#deps.clock
      .sleep(Math.min(ms, LONGEST_SLEEP_MS), this.#wake.signal)
      .catch(() => undefined)
      .finally(() => {
        this.#ticking = undefined;
      });
    return this.#ticking;
  }

  async #beat(counters: DeltaCounters, beat: { givenUp: boolean }): Promise<void> {
    const { configuration, counterStore, datagrams, events, log, vrrp } = this.#deps;
    const current = configuration.current();
    const unable = whyUnable(current);
    if (unable) {
      this.#counts.withheld++;
      this.#say(unable, "warn");
      return;
    }
    const withheld = reasonToWithhold(await vrrp.observe());
    if (withheld) {
      this.#counts.withheld++;
      if (this.#say(withheld, "warn")) events.publish("heartbeat.withheld", { reason: withheld });
      return;
    }

    const observations = await this.#deps.observe();
    const statistics = await Promise.all(observations.map((each) => this.#query(each)));
    if (beat.givenUp) return; // too late: the next beat counts and reports
    const message = buildMessage({
      amphoraId: current.amphoraAgent.amphoraId,
      sequence: this.#sequence++,
      statistics: statistics.filter((each) => each !== undefined),
      counters,
    });
    await this.#save(counters, counterStore);

    // Read again: a key or controller list replaced meanwhile is the one to use.
    if (beat.givenUp) return;
    const { heartbeatKey, controllers } = configuration.current().healthManager;
    const to = this.#roundRobin.next(controllers);
    if (!to || heartbeatKey === undefined) return;
    const datagram = this.#sealer.seal(message, heartbeatKey);
    if (datagram.length > MAX_DATAGRAM_BYTES) {
      this.#counts.failed++;
      const text = `heartbeat of ${datagram.length} bytes does not fit one datagram (${MAX_DATAGRAM_BYTES})`;
      log.error({ event: "heartbeat.oversized", bytes: datagram.length, limit: MAX_DATAGRAM_BYTES }, text);
      return;
    }
    try {
      await datagrams.send(datagram, to);
      this.#counts.sent++;
      this.#counts.bytes += datagram.length;
      this.#recovered();
    } catch (error) {
      if (!beat.givenUp) this.#failed(`not sent to ${to.host}:${to.port}: ${messageOf(error)}`, "warn");
    }
  }

  /** Undefined when haproxy does not run (silently) or does not answer properly (said): the beat goes without it. */
  async #query(observation: LoadBalancerObservation): Promise<HaproxyStatistics | undefined> {
    if (observation.haproxy.state !== "running") return undefined;
    const { sockets, log } = this.#deps;
    const { loadBalancerId, statisticsSocket } = observation;
    const why = await sockets
      .query(statisticsSocket, STATISTICS_COMMAND, { timeoutMs: QUERY_TIMEOUT_MS, signal: this.#signal })
      .then(parseStatistics, (error: unknown) => ({ ok: false as const, why: messageOf(error) }));
    if (why.ok) {
      if (this.#silent.delete(loadBalancerId)) {
        log.info({ event: "statistics.recovered", loadBalancerId }, "haproxy answers again");
      }
      return why.value;
    }
    if (!this.#silent.has(loadBalancerId) && !this.#signal.aborted) {
      this.#silent.add(loadBalancerId);
      log.warn({ event: "statistics.failed", loadBalancerId, reason: why.why }, "heartbeat goes without this one");
    }
    return undefined;
  }

  async #readCounters(): Promise<DeltaCounters> {
    const text = await this.#deps.counterStore.read().catch((error: unknown) => {
      this.#deps.log.warn({ event: "counters.unreadable", reason: messageOf(error) }, "counting from zero");
      return undefined;
    });
    return DeltaCounters.parse(text);
  }

  /** A full disk must not silence the amphora: it only means that a restart may count twice. */
  async #save(counters: DeltaCounters, store: CounterStore): Promise<void> {
    await counters.save(store).catch((error: unknown) => {
      this.#deps.log.warn({ event: "counters.unsaved", reason: messageOf(error) }, "counters not saved");
    });
  }

  /** True when this was new. */
  #say(trouble: string, level: "warn" | "error"): boolean {
    if (this.#trouble === trouble) return false;
    this.#trouble = trouble;
    this.#deps.log[level]({ event: "heartbeat.withheld", reason: trouble }, "no heartbeat");
    return true;
  }

  #failed(reason: string, level: "warn" | "error"): void {
    this.#counts.failed++;
    this.#say(reason, level);
  }

  #recovered(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#deps.log.info({ event: "heartbeat.resumed" }, "heartbeats go out again");
  }
}

function whyUnable({ healthManager, amphoraAgent }: AgentConfiguration): string | undefined {
  if (healthManager.controllers.length === 0) return "no controller address configured (controller_ip_port_list)";
  if (healthManager.heartbeatKey === undefined) return "no heartbeat_key configured";
  return amphoraAgent.amphoraId === "" ? "no amphora_id configured" : undefined;
}
