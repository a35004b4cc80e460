import { join } from "node:path";
import { AgentError } from "../../core/agent-error.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import { messageOf } from "../../core/message-of.ts";
import type { ConnectionWatch, Processes, ProcessIdentity } from "../../core/services/processes.ts";
import type {
  RunningProcess,
  Service,
  ServiceEvent,
  ServiceManager,
  ServiceState,
} from "../../core/services/service-manager.ts";
import { watchProcess } from "../../core/services/watch-process.ts";
import type { Files } from "../../core/system/files.ts";
import type { NamespaceCommand } from "../../core/system/namespace-command.ts";
import type { Programs } from "../../core/system/programs.ts";
import { Systemctl } from "./systemctl.ts";
import { unitText } from "./unit-text.ts";

/** systemd starts it; then it has to serve. */
const READY_TIMEOUT_MS = 30_000;
/** How often systemd is asked whether it has brought a dead service back. */
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 2_000;

export interface SystemdDependencies {
  programs: Programs;
  processes: Processes;
  connections: ConnectionWatch;
  namespace: NamespaceCommand;
  files: Files;
  clock: Clock;
  log: Log;
  /** Stock's is `/usr/lib/systemd/system`. */
  unitDirectory: string;
}

interface Running {
  kind: "running";
  identity: ProcessIdentity;
  foreign: boolean;
  release(): void;
}

interface Entry {
  service: Service;
  /** What is on disk and enabled, once known. */
  installed: string | undefined;
  sinceMs: number;
  now: Running | { kind: "waiting"; abort: AbortController; reason: string } | { kind: "idle" };
}

/** Units of systemd, which starts, restarts and logs; we write them, prove that they serve and hear of deaths. */
export class SystemdServiceManager implements ServiceManager {
  readonly #do: SystemdDependencies;
  readonly #systemctl: Systemctl;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: ((event: ServiceEvent) => void)[] = [];

  constructor(dependencies: SystemdDependencies) {
    this.#do = dependencies;
    this.#systemctl = new Systemctl(dependencies.programs);
  }

  async install(service: Service): Promise<void> {
    const entry = this.#entryOf(service);
    const text = this.#unitText(service);
    if (entry.installed === text) return;
    await this.#writeUnit(service, text);
    const enabled = await this.#systemctl.run("enable", unitOf(service.name));
    if (enabled.exitCode !== 0) {
      const message = `${unitOf(service.name)} cannot be enabled`;
      throw new AgentError("enable-failed", message, { details: enabled.output.trim() });
    }
    entry.installed = text;
  }

  async uninstall(name: string): Promise<void> {
    await this.#systemctl.run("disable", unitOf(name));
    await this.#do.files.remove(this.#unitPath(name));
    await this.#systemctl.run("daemon-reload");
    this.#entries.delete(name);
  }

  async adopt(service: Service): Promise<RunningProcess | undefined> {
    const entry = this.#entryOf(service);
    const { active, mainPid } = await this.#systemctl.show(unitOf(service.name));
    const identity = active === "active" || active === "reloading" ? this.#do.processes.look(mainPid) : undefined;
    if (!identity) return undefined;
    this.#watch(entry, identity);
    return processOf(identity);
  }

  async start(service: Service): Promise<RunningProcess> {
    const entry = this.#entryOf(service);
    this.#stopWaiting(entry);
    const before = entry.now.kind === "running" && this.#isAlive(entry.now.identity) ? entry.now : undefined;
    if (before && !before.foreign) return processOf(before.identity);
    this.#letGo(entry);
    entry.sinceMs = this.#do.clock.nowMs();
    await this.#writeUnit(service, this.#unitText(service));
    await this.#systemctl.run("reset-failed", unitOf(service.name));
    // A unit of other arguments has to go before ours can come.
    const result = await this.#systemctl.run(before ? "restart" : "start", unitOf(service.name));
    if (result.exitCode !== 0 && !result.output.includes("Job is already running")) {
      throw await this.#notStarted(entry, result.output);
    }
    const { mainPid } = await this.#systemctl.show(unitOf(service.name));
    try {
      await service.ready(mainPid, AbortSignal.timeout(READY_TIMEOUT_MS));
      const identity = this.#do.processes.look(mainPid);
      if (!identity) throw new Error("it died as soon as it served");
      this.#watch(entry, identity);
      return processOf(identity);
    } catch (error) {
      throw await this.#notStarted(entry, messageOf(error));
    }
  }

  async keepRunning(service: Service): Promise<void> {
    const entry = this.#entryOf(service);
    if (entry.now.kind !== "idle") return;
    entry.sinceMs = this.#do.clock.nowMs();
    await this.install(service);
    await this.#systemctl.run("start", "--no-block", unitOf(service.name));
    this.#waitForRestart(entry, "not started yet");
  }

  async reload(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry) entry.sinceMs = this.#do.clock.nowMs();
    const result = await this.#systemctl.run("reload", unitOf(name));
    if (result.exitCode === 0 || result.output.includes("Job is already running")) return;
    const details = (await this.output(name)).trim() || result.output.trim();
    throw new AgentError("action-failed", `${unitOf(name)} does not reload`, { details });
  }

  async stop(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry) this.#letGo(entry);
    const result = await this.#systemctl.run("stop", unitOf(name));
    const missing = result.exitCode === 5; // systemctl(1): the unit is not loaded
    if (result.exitCode === 0 || missing || result.output.includes("Job is already running")) return;
    throw new AgentError("action-failed", `${unitOf(name)} does not stop`, { details: result.output.trim() });
  }

  async state(name: string): Promise<ServiceState> {
    const entry = this.#entries.get(name);
    if (!entry || entry.now.kind === "idle") return { state: "stopped" };
    if (entry.now.kind === "running" && !this.#isAlive(entry.now.identity)) this.#died(entry, entry.now);
    if (entry.now.kind === "running") {
      return { state: "running", ...processOf(entry.now.identity), foreign: entry.now.foreign };
    }
    const { restarts } = await this.#systemctl.show(unitOf(name));
    return { state: "restarting", reason: entry.now.reason, attempt: restarts };
  }

  owns(name: string, pid: number): boolean {
    const now = this.#entries.get(name)?.now;
    return now?.kind === "running" && this.#do.processes.look(pid)?.parentPid === now.identity.pid;
  }

  async output(name: string): Promise<string> {
    return this.#systemctl.journal(unitOf(name), this.#entries.get(name)?.sinceMs ?? this.#do.clock.nowMs());
  }

  subscribe(listener: (event: ServiceEvent) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    for (const entry of this.#entries.values()) this.#letGo(entry);
    this.#entries.clear();
  }

  #entryOf(service: Service): Entry {
    const entry = this.#entries.get(service.name) ?? {
      service,
      installed: undefined,
      sinceMs: this.#do.clock.nowMs(),
      now: { kind: "idle" },
    };
    entry.service = service;
    this.#entries.set(service.name, entry);
    return entry;
  }

  #unitText(service: Service): string {
    return unitText(service, this.#do.namespace.wrap([service.program, ...service.arguments]));
  }

  async #writeUnit(service: Service, text: string): Promise<void> {
    const path = this.#unitPath(service.name);
    if ((await this.#do.files.read(path))?.toString("utf8") === text) return;
    await this.#do.files.write(path, text, { mode: 0o644 });
    const reloaded = await this.#systemctl.run("daemon-reload");
    if (reloaded.exitCode !== 0) {
      throw new AgentError("enable-failed", "systemd does not read its units anew", {
        details: reloaded.output.trim(),
      });
    }
  }

  #unitPath(name: string): string {
    return join(this.#do.unitDirectory, unitOf(name));
  }

  async #notStarted(entry: Entry, words: string): Promise<AgentError> {
    const { name } = entry.service;
    const details = (await this.output(name)).trim() || words.trim();
    this.#letGo(entry);
    // Or systemd would go on trying a start that was reported as failed.
    await this.#systemctl.run("stop", unitOf(name));
    await this.#systemctl.run("reset-failed", unitOf(name));
    if (await this.#do.programs.exists(entry.service.program)) {
      return new AgentError("action-failed", `${unitOf(name)} did not start`, { details });
    }
    return new AgentError("haproxy-missing", `${entry.service.program} is not installed or cannot be executed`);
  }

  #watch(entry: Entry, identity: ProcessIdentity): void {
    this.#letGo(entry);
    const { controlSocket, arguments: wanted } = entry.service;
    const foreign = !wanted.every((argument) => identity.commandLine.includes(argument));
    const running: Running = { kind: "running", identity, foreign, release: () => undefined };
    entry.now = running;
    running.release = watchProcess(this.#do, { ...identity, controlSocket }, () => this.#died(entry, running));
  }

  #died(entry: Entry, running: Running): void {
    if (entry.now !== running) return;
    running.release();
    const { name } = entry.service;
    const { pid } = running.identity;
    this.#do.log.warn({ event: "service.died", service: name, pid }, "a service died");
    this.#waitForRestart(entry, "died");
    this.#tell({ kind: "died", name, pid, reason: "its main process ended" });
  }

  /** systemd starts it again; we look until it serves. */
  #waitForRestart(entry: Entry, reason: string): void {
    const abort = new AbortController();
    const waiting = { kind: "waiting" as const, abort, reason };
    entry.now = waiting;
    void this.#look(entry, waiting).catch((error: unknown) => {
      if (abort.signal.aborted) return;
      this.#do.log.error({ event: "service.unknown", service: entry.service.name, error }, "systemd does not tell");
    });
  }

  async #look(entry: Entry, waiting: { abort: AbortController; reason: string }): Promise<void> {
    const { service } = entry;
    const { signal } = waiting.abort;
    for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_LOOK_MS)) {
      await this.#do.clock.sleep(delayMs, signal);
      const unit = await this.#systemctl.show(unitOf(service.name));
      if (unit.result !== "" && unit.result !== "success") waiting.reason = unit.result;
      if (unit.active !== "active" || unit.mainPid === 0) continue;
      try {
        await service.ready(unit.mainPid, AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT_MS)]));
      } catch {
        continue; // died again, or not ours to wait for any more: the sleep above tells
      }
      const identity = this.#do.processes.look(unit.mainPid);
      if (!identity || signal.aborted) continue;
      this.#watch(entry, identity);
      this.#tell({ kind: "restarted", name: service.name, pid: unit.mainPid, attempt: Math.max(1, unit.restarts) });
      return;
    }
  }

  #letGo(entry: Entry): void {
    this.#stopWaiting(entry);
    if (entry.now.kind === "running") entry.now.release();
    entry.now = { kind: "idle" };
  }

  #stopWaiting(entry: Entry): void {
    if (entry.now.kind !== "waiting") return;
    entry.now.abort.abort(new Error("superseded"));
    entry.now = { kind: "idle" };
  }

  #isAlive(identity: ProcessIdentity): boolean {
    return this.#do.processes.look(identity.pid)?.startTicks === identity.startTicks;
  }

  #tell(event: ServiceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function unitOf(name: string): string {
  return `${name}.service`;
}

function processOf(identity: ProcessIdentity): RunningProcess {
  return { pid: identity.pid, sinceMs: identity.startedAtMs };
}
