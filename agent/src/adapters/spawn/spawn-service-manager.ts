import type { ChildProcess } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../../core/agent-error.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import {
  type ConnectionWatch,
  isProgramWith,
  type Processes,
  type ProcessIdentity,
} from "../../core/services/processes.ts";
import { restartDelayMs, STABLE_AFTER_MS } from "../../core/services/restart-backoff.ts";
import type {
  RunningProcess,
  Service,
  ServiceEvent,
  ServiceManager,
  ServiceState,
} from "../../core/services/service-manager.ts";
import { watchProcess } from "../../core/services/watch-process.ts";
import type { NamespaceCommand } from "../../core/system/namespace-command.ts";
import type { Programs } from "../../core/system/programs.ts";
import { endProcess } from "./end-process.ts";
import { describeExit, launch } from "./launch.ts";
import type { SpawnedOpenFiles } from "./open-files.ts";
import { OutputFile } from "./output-file.ts";

const BOUND_OUTPUT_EVERY_MS = 10_000;
const MOST_REASON_CHARACTERS = 300;

export interface SpawnDependencies {
  programs: Programs;
  processes: Processes;
  connections: ConnectionWatch;
  namespace: NamespaceCommand;
  openFiles: SpawnedOpenFiles;
  clock: Clock;
  log: Log;
  runDirectory: string;
}

interface Running {
  kind: "running";
  pid: number;
  startTicks: number;
  sinceMs: number;
  sinceMonotonicMs: number;
  foreign: boolean;
  /** Ends the watching. */
  release(): void;
}

interface Restarting {
  kind: "restarting";
  reason: string;
  abort: AbortController;
  loop: Promise<void>;
}

interface Entry {
  service: Service;
  output: OutputFile;
  /** Restarts in a row. */
  attempt: number;
  now: Running | Restarting | { kind: "idle" };
}

/** Supervises daemons that are children of ours or of an agent before us, where there is no systemd. */
export class SpawnServiceManager implements ServiceManager {
  readonly #do: SpawnDependencies;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: ((event: ServiceEvent) => void)[] = [];
  readonly #boundOutput: NodeJS.Timeout;

  constructor(dependencies: SpawnDependencies) {
    this.#do = dependencies;
    this.#boundOutput = setInterval(() => {
      for (const { output } of this.#entries.values()) output.bound();
    }, BOUND_OUTPUT_EVERY_MS).unref();
  }

  /** Nothing to install: the agent itself starts what should run. */
  async install(): Promise<void> {}

  async uninstall(name: string): Promise<void> {
    this.#entries.delete(name);
  }

  async adopt(service: Service): Promise<RunningProcess | undefined> {
    const master = this.#named(service) ?? this.#found(service);
    if (!master) return undefined;
    const entry = this.#entryOf(service);
    const foreign = !isOurs(master, service);
    this.#settle(entry, this.#running(entry, master, { foreign, child: undefined }));
    return { pid: master.pid, sinceMs: master.startedAtMs };
  }

  async start(service: Service, signal: AbortSignal): Promise<RunningProcess> {
    const entry = this.#entryOf(service);
    await this.#endRestarting(entry);
    this.#notice(entry);
    await this.#endRestarting(entry);
    const before = entry.now.kind === "running" ? entry.now : undefined;
    if (before && !before.foreign) return { pid: before.pid, sinceMs: before.sinceMs };
    // The one that is replaced ends while the new one starts: that is no death to repair.
    before?.release();
    entry.now = { kind: "idle" };
    try {
      const running = await this.#launch(entry, signal, before?.pid);
      entry.attempt = 0;
      this.#settle(entry, running);
      return { pid: running.pid, sinceMs: running.sinceMs };
    } catch (error) {
      const identity = before && this.#isAlive(before) ? this.#do.processes.look(before.pid) : undefined;
      if (identity) this.#settle(entry, this.#running(entry, identity, { foreign: true, child: undefined }));
      throw error;
    }
  }

  async keepRunning(service: Service): Promise<void> {
    const entry = this.#entryOf(service);
    if (entry.now.kind === "idle") this.#restart(entry, "not started yet");
  }

  async reload(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry?.now.kind !== "running") throw new AgentError("action-failed", `${name} is not running`);
    entry.output.mark();
    if (!this.#isAlive(entry.now) || !this.#do.processes.signal(entry.now.pid, "SIGUSR2")) {
      throw new AgentError("action-failed", `${name} is not running`);
    }
  }

  async stop(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    await this.#endRestarting(entry);
    if (entry.now.kind !== "running") return;
    const running = entry.now;
    running.release();
    entry.now = { kind: "idle" };
    entry.attempt = 0;
    if (await endProcess(this.#do, running)) return;
    throw new AgentError("action-failed", `${name} (pid ${running.pid}) does not end`);
  }

  async state(name: string): Promise<ServiceState> {
    const entry = this.#entries.get(name);
    if (!entry) return { state: "stopped" };
    this.#notice(entry);
    const { now } = entry;
    switch (now.kind) {
      case "running":
        return { state: "running", pid: now.pid, sinceMs: now.sinceMs, foreign: now.foreign };
      case "restarting":
        return { state: "restarting", reason: now.reason, attempt: entry.attempt };
      case "idle":
        return { state: "stopped" };
    }
  }

  owns(name: string, pid: number): boolean {
    const now = this.#entries.get(name)?.now;
    return now?.kind === "running" && this.#do.processes.look(pid)?.parentPid === now.pid;
  }

  async output(name: string): Promise<string> {
    return this.#entries.get(name)?.output.sinceMark() ?? "";
  }

  subscribe(listener: (event: ServiceEvent) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    clearInterval(this.#boundOutput);
    for (const { now } of this.#entries.values()) {
      if (now.kind === "running") now.release();
      if (now.kind === "restarting") now.abort.abort(new Error("the agent is stopping"));
    }
    this.#entries.clear();
  }

  #entryOf(service: Service): Entry {
    const entry = this.#entries.get(service.name) ?? {
      service,
      output: new OutputFile(join(this.#do.runDirectory, `${service.name}.log`)),
      attempt: 0,
      now: { kind: "idle" },
    };
    entry.service = service;
    this.#entries.set(service.name, entry);
    return entry;
  }

  /** The process its pid file names, if that is what it should be. */
  #named(service: Service): ProcessIdentity | undefined {
    let pid: number;
    try {
      pid = Number(readAtOnce(service.pidFile));
    } catch {
      return undefined;
    }
    const identity = this.#do.processes.look(pid);
    return identity && isService(identity, service) && !isService(this.#parentOf(identity), service)
      ? identity
      : undefined;
  }

  #parentOf(identity: ProcessIdentity): ProcessIdentity | undefined {
    return this.#do.processes.look(identity.parentPid);
  }

  /** An agent killed in the middle of a start may have left a process whose pid file is not written yet. */
  #found(service: Service): ProcessIdentity | undefined {
    const found = this.#do.processes.find((identity) => isService(identity, service));
    // Workers carry the same command line as their master.
    const masters = found.filter(({ parentPid }) => !found.some(({ pid }) => pid === parentPid));
    masters.sort((a, b) => a.startTicks - b.startTicks);
    return masters.findLast((master) => isOurs(master, service)) ?? masters.at(-1);
  }

  async #launch(entry: Entry, signal: AbortSignal, replacedPid?: number): Promise<Running> {
    const { service } = entry;
    // The new master takes the ports and asks the old one to finish (haproxy(1), -sf).
    const replace = replacedPid === undefined ? [] : ["-sf", String(replacedPid)];
    const prefix = await this.#do.openFiles.prefix();
    const [first, ...rest] = [...prefix, service.program, ...service.arguments, ...replace];
    const command = this.#do.namespace.wrap([first ?? service.program, ...rest]);
    try {
      const { pid, child } = await launch(service, command, entry.output, {
        signal,
        end: async (pid) => {
          const identity = this.#do.processes.look(pid);
          if (identity) await endProcess(this.#do, identity);
        },
      });
      const identity = this.#do.processes.look(pid);
      if (!identity) throw new AgentError("action-failed", `${service.name} died as soon as it served`);
      return this.#running(entry, identity, { foreign: false, child });
    } catch (error) {
      if (await this.#do.programs.exists(service.program)) throw error;
      throw new AgentError("haproxy-missing", `${service.program} is not installed or cannot be executed`, {
        cause: error,
      });
    }
  }

  #running(
    entry: Entry,
    identity: ProcessIdentity,
    how: { foreign: boolean; child: ChildProcess | undefined },
  ): Running {
    const running: Running = {
      kind: "running",
      pid: identity.pid,
      startTicks: identity.startTicks,
      sinceMs: identity.startedAtMs,
      sinceMonotonicMs: this.#do.clock.monotonicMs(),
      foreign: how.foreign,
      release: () => undefined,
    };
    const { child } = how;
    if (child) {
      const onExit = (code: number | null, by: NodeJS.Signals | null) =>
        this.#died(entry, running, describeExit(code, by));
      child.once("exit", onExit);
      running.release = () => child.removeListener("exit", onExit);
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
    } else {
      const { controlSocket } = entry.service;
      running.release = watchProcess(this.#do, { ...identity, controlSocket }, () =>
        this.#died(entry, running, "ended while the agent was not its parent"),
      );
    }
    return running;
  }

  /** It may have died since it was launched: then its end was told before anybody listened. */
  #settle(entry: Entry, running: Running): void {
    entry.now = running;
    this.#notice(entry);
  }

  /** A death that no event has told yet. */
  #notice(entry: Entry): void {
    const { now } = entry;
    if (now.kind === "running" && !this.#isAlive(now)) this.#died(entry, now, "ended");
  }

  #died(entry: Entry, running: Running, reason: string): void {
    if (entry.now !== running) return;
    running.release();
    if (this.#do.clock.monotonicMs() - running.sinceMonotonicMs >= STABLE_AFTER_MS) entry.attempt = 0;
    const { name } = entry.service;
    this.#do.log.warn({ event: "service.died", service: name, pid: running.pid, reason }, "a service died");
    this.#restart(entry, reason);
    this.#tell({ kind: "died", name, pid: running.pid, reason });
  }

  #restart(entry: Entry, reason: string): void {
    const abort = new AbortController();
    const now: Restarting = { kind: "restarting", reason, abort, loop: Promise.resolve() };
    entry.now = now;
    now.loop = this.#restartUntilItRuns(entry, now);
  }

  async #restartUntilItRuns(entry: Entry, now: Restarting): Promise<void> {
    const { name } = entry.service;
    const { signal } = now.abort;
    while (!signal.aborted) {
      entry.attempt++;
      try {
        await this.#do.clock.sleep(restartDelayMs(entry.attempt), signal);
        const running = await this.#launch(entry, signal);
        this.#tell({ kind: "restarted", name, pid: running.pid, attempt: entry.attempt });
        this.#settle(entry, running);
        return;
      } catch (error) {
        if (signal.aborted) return;
        now.reason = reasonOf(error);
        const { attempt } = entry;
        this.#do.log.warn({ event: "service.restart-failed", service: name, attempt, reason: now.reason }, "not up");
      }
    }
  }

  async #endRestarting(entry: Entry): Promise<void> {
    if (entry.now.kind !== "restarting") return;
    const restarting = entry.now;
    restarting.abort.abort(new Error("superseded"));
    await restarting.loop;
    if (entry.now === restarting) entry.now = { kind: "idle" };
  }

  #isAlive(running: Running): boolean {
    return this.#do.processes.look(running.pid)?.startTicks === running.startTicks;
  }

  #tell(event: ServiceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function isService(identity: ProcessIdentity | undefined, service: Service): boolean {
  return identity !== undefined && isProgramWith(identity, service.program, service.pidFile);
}

/** Started by an agent like this one, not by stock's. */
function isOurs(master: ProcessIdentity, service: Service): boolean {
  return service.arguments.every((argument) => master.commandLine.includes(argument));
}

/** Waits for nobody: where somebody left a FIFO, there is nothing to read. */
function readAtOnce(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return readFileSync(descriptor, "latin1");
  } finally {
    closeSync(descriptor);
  }
}

/** For people: the line that says why, not the whole output. */
function reasonOf(error: unknown): string {
  if (!(error instanceof AgentError)) return String(error).slice(0, MOST_REASON_CHARACTERS);
  const lines = (error.details ?? error.message).trim().split("\n");
  return (lines.find((line) => line.startsWith("[ALERT]")) ?? lines.at(-1) ?? "").slice(0, MOST_REASON_CHARACTERS);
}
