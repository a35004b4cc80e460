import type { Clock } from "../clock.ts";
import type { ServiceManager } from "../services/service-manager.ts";
import type { Conversation, HaproxyConversations, HaproxySockets } from "./haproxy-sockets.ts";
import { type MasterReport, parseInfoPid, parseMasterReport } from "./master-report.ts";

/** Fine: what a reload costs is measured against bare haproxy's. A query is a tenth of a millisecond of CPU. */
const POLL_EVERY_MS = 2;
/** A master that re-executes itself keeps a connection open without answering. */
const QUERY_TIMEOUT_MS = 250;
/** haproxy retries for 2 s to bind a taken port, and reads thousands of certificates in seconds. */
const RELOAD_TIMEOUT_MS = 30_000;
/** It was told to stop before its master answered again: only a machine at its limit keeps it from doing so. */
const OLD_WORKER_TIMEOUT_MS = 2_000;
/** A signal sent to a master that is not yet in its loop is lost. */
const ASK_AGAIN_AFTER_MS = 1_000;

export interface Sockets {
  master: string;
  /** Undefined: the configuration has none, then the master's word has to do. */
  statistics: string | undefined;
}

interface Reload {
  name: string;
  pid: number;
  before: MasterReport;
  /** A connection to the worker from before. */
  old: Conversation | undefined;
  sockets: Sockets;
}

export type ReloadOutcome = { ok: true } | { ok: false; reason: "refused" | "died" | "no answer" };

/** What is true of a haproxy process, as it says itself. */
export class HaproxyProcess {
  readonly #sockets: HaproxySockets & HaproxyConversations;
  readonly #services: ServiceManager;
  readonly #clock: Clock;

  constructor(dependencies: {
    sockets: HaproxySockets & HaproxyConversations;
    services: ServiceManager;
    clock: Clock;
  }) {
    this.#sockets = dependencies.sockets;
    this.#services = dependencies.services;
    this.#clock = dependencies.clock;
  }

  /** Until the master reports a worker and that worker answers. Rejects when the signal aborts. */
  async ready(pid: number, sockets: Sockets, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const report = await this.#report(sockets, signal);
      if (report?.masterPid === pid && (await this.#serves(report.workerPid, sockets, signal))) return;
      await this.#clock.sleep(POLL_EVERY_MS, signal);
    }
  }

  /**
   * Reloads and says what came of it. Done is when a new worker of this very master answers and the old one takes no
   * more connections. The old one is asked on a connection from before: its master is silent for ten more milliseconds.
   */
  async reload(name: string, pid: number, sockets: { before: Sockets; after: Sockets }): Promise<ReloadOutcome> {
    const signal = new AbortController().signal;
    const { statistics } = sockets.before;
    const [before, old] = await Promise.all([
      this.#firstReport(sockets.before, signal),
      statistics === undefined ? undefined : this.#sockets.converse(statistics).catch(() => undefined),
    ]);
    try {
      if (before?.masterPid !== pid) return { ok: false, reason: "no answer" };
      await this.#services.reload(name, signal);
      return await this.#outcome({ name, pid, before, old, sockets: sockets.after }, signal);
    } finally {
      old?.close();
    }
  }

  async #outcome(reload: Reload, signal: AbortSignal): Promise<ReloadOutcome> {
    const { name, pid, before, old, sockets } = reload;
    const startedMs = this.#clock.monotonicMs();
    let askedMs = startedMs;
    while (this.#clock.monotonicMs() - startedMs < RELOAD_TIMEOUT_MS) {
      const [report, answering] = await Promise.all([this.#report(sockets, signal), this.#answering(sockets, signal)]);
      const isNew = answering !== undefined && answering !== before.workerPid;
      if (isNew && old && this.#services.owns(name, answering) && (await isStopping(old))) return { ok: true };
      if (!report) {
        const state = await this.#services.state(name);
        if (state.state !== "running" || state.pid !== pid) return { ok: false, reason: "died" };
      } else if (report.masterPid !== pid) {
        return { ok: false, reason: "died" };
      } else if (report.failedReloads > before.failedReloads) {
        return { ok: false, reason: "refused" };
      } else if (report.workerPid !== before.workerPid) {
        if (await this.#serves(report.workerPid, sockets, signal)) {
          await this.#oldOneStops(before.workerPid, sockets, signal);
          return { ok: true };
        }
      } else if (report.reloads === before.reloads && this.#clock.monotonicMs() - askedMs > ASK_AGAIN_AFTER_MS) {
        askedMs = this.#clock.monotonicMs();
        await this.#services.reload(name, signal);
      }
      await this.#clock.sleep(POLL_EVERY_MS, signal);
    }
    return { ok: false, reason: "no answer" };
  }

  /** The new worker serves; for an instant the old one does too, and would answer by the old configuration. */
  async #oldOneStops(workerPid: number | undefined, sockets: Sockets, signal: AbortSignal): Promise<void> {
    if (workerPid === undefined) return;
    const untilMs = this.#clock.monotonicMs() + OLD_WORKER_TIMEOUT_MS;
    while (this.#clock.monotonicMs() < untilMs) {
      const info = await this.#ask(sockets.master, `@!${workerPid} show info`, QUERY_TIMEOUT_MS, signal);
      if (!/^Stopping: 0$/m.test(info ?? "")) return; // it stops, or is gone
      await this.#clock.sleep(POLL_EVERY_MS, signal);
    }
  }

  /** Weights, addresses and states of servers as they are now, for the next worker. Undefined: no answer. */
  async serversState(sockets: Sockets): Promise<string | undefined> {
    if (sockets.statistics === undefined) return undefined;
    return this.#ask(sockets.statistics, "show servers state", 2_000);
  }

  async #firstReport(sockets: Sockets, signal: AbortSignal): Promise<MasterReport | undefined> {
    const untilMs = this.#clock.monotonicMs() + 5_000;
    for (;;) {
      const report = await this.#report(sockets, signal);
      if (report || this.#clock.monotonicMs() > untilMs) return report;
      await this.#clock.sleep(POLL_EVERY_MS, signal);
    }
  }

  async #report(sockets: Sockets, signal: AbortSignal): Promise<MasterReport | undefined> {
    return parseMasterReport((await this.#ask(sockets.master, "show proc", QUERY_TIMEOUT_MS, signal)) ?? "");
  }

  async #serves(workerPid: number | undefined, sockets: Sockets, signal: AbortSignal): Promise<boolean> {
    if (workerPid === undefined) return false;
    if (sockets.statistics === undefined) return true;
    return (await this.#answering(sockets, signal)) === workerPid;
  }

  /** Which worker the statistics socket leads to. */
  async #answering(sockets: Sockets, signal: AbortSignal): Promise<number | undefined> {
    if (sockets.statistics === undefined) return undefined;
    return parseInfoPid((await this.#ask(sockets.statistics, "show info", QUERY_TIMEOUT_MS, signal)) ?? "");
  }

  async #ask(path: string, command: string, timeoutMs: number, signal?: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#sockets.query(path, command, signal ? { timeoutMs, signal } : { timeoutMs });
    } catch {
      return undefined; // not there yet, or re-executing
    }
  }
}

/** True as well when it is gone already. */
async function isStopping(worker: Conversation): Promise<boolean> {
  try {
    return !/^Stopping: 0$/m.test(await worker.ask("show info", { timeoutMs: QUERY_TIMEOUT_MS }));
  } catch {
    return worker.hasEnded();
  }
}
