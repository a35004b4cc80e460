import { AgentError } from "../core/agent-error.ts";
import type {
  RunningProcess,
  Service,
  ServiceEvent,
  ServiceManager,
  ServiceState,
} from "../core/services/service-manager.ts";

/** The machine a fake manager works on: it outlives the manager, as processes outlive the agent. */
export class FakeMachine {
  readonly running = new Map<string, RunningProcess>();
  readonly installed = new Set<string>();
  /** Services that die as soon as they are started, with these words. */
  readonly broken = new Map<string, string>();
  #lastPid = 1_000;

  nextPid(): number {
    return ++this.#lastPid;
  }
}

/** Services without processes. `reloads` counts what was asked for; `kill` lets one die. */
export class FakeServiceManager implements ServiceManager {
  readonly machine: FakeMachine;
  readonly reloads: string[] = [];
  readonly #listeners: ((event: ServiceEvent) => void)[] = [];
  readonly #known = new Map<string, { service: Service; reason: string | undefined; attempt: number }>();
  #closed = false;

  constructor(machine = new FakeMachine()) {
    this.machine = machine;
  }

  async install(service: Service): Promise<void> {
    this.machine.installed.add(service.name);
  }

  async uninstall(name: string): Promise<void> {
    this.machine.installed.delete(name);
    this.#known.delete(name);
  }

  async adopt(service: Service): Promise<RunningProcess | undefined> {
    const running = this.machine.running.get(service.name);
    if (running) this.#known.set(service.name, { service, reason: undefined, attempt: 0 });
    return running;
  }

  async start(service: Service): Promise<RunningProcess> {
    const running = this.machine.running.get(service.name);
    if (running && this.#known.has(service.name)) return running;
    const broken = this.machine.broken.get(service.name);
    if (broken !== undefined) {
      this.#known.delete(service.name);
      throw new AgentError("action-failed", `${service.name} did not start`, { details: broken });
    }
    this.#known.set(service.name, { service, reason: undefined, attempt: 0 });
    return this.#run(service.name);
  }

  async keepRunning(service: Service): Promise<void> {
    if (this.#known.has(service.name)) return;
    this.#known.set(service.name, { service, reason: "not started yet", attempt: 0 });
    this.#restart(service.name);
  }

  async reload(name: string): Promise<void> {
    if (!this.machine.running.has(name)) throw new AgentError("action-failed", `${name} is not running`);
    this.reloads.push(name);
  }

  async stop(name: string): Promise<void> {
    this.#known.delete(name);
    this.machine.running.delete(name);
  }

  async state(name: string): Promise<ServiceState> {
    const known = this.#known.get(name);
    if (!known) return { state: "stopped" };
    const running = this.machine.running.get(name);
    if (running) return { state: "running", ...running, foreign: false };
    return { state: "restarting", reason: known.reason ?? "died", attempt: known.attempt };
  }

  /** Its processes have children with pids of their own, from 10,000. */
  owns(name: string, pid: number): boolean {
    return this.machine.running.has(name) && pid >= 10_000;
  }

  async output(name: string): Promise<string> {
    return this.machine.broken.get(name) ?? "";
  }

  subscribe(listener: (event: ServiceEvent) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#closed = true;
  }

  /** The process dies; the manager notices and starts it again. */
  kill(name: string): void {
    const running = this.machine.running.get(name);
    if (!running) return;
    this.machine.running.delete(name);
    this.#tell({ kind: "died", name, pid: running.pid, reason: "was killed by SIGKILL" });
    this.#restart(name);
  }

  #run(name: string): RunningProcess {
    const running = { pid: this.machine.nextPid(), sinceMs: Date.now() };
    this.machine.running.set(name, running);
    return running;
  }

  #restart(name: string): void {
    const known = this.#known.get(name);
    if (!known || this.#closed) return;
    known.attempt++;
    known.reason = this.machine.broken.get(name);
    if (known.reason !== undefined) return void setTimeout(() => this.#restart(name), 5).unref();
    const { pid } = this.#run(name);
    this.#tell({ kind: "restarted", name, pid, attempt: known.attempt });
  }

  #tell(event: ServiceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
