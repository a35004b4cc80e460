import { AgentError } from "../agent-error.ts";
import type { Clock } from "../clock.ts";
import type { EventSink } from "../events/agent-events.ts";
import type { Log } from "../log.ts";
import { messageOf } from "../message-of.ts";
import type { RunningProcess, Service, ServiceManager } from "../services/service-manager.ts";
import type { Derivations } from "./derivations.ts";
import type { Derivation } from "./derive-running-configuration.ts";
import type { HaproxyProcess, Sockets } from "./haproxy-process.ts";
import { haproxyService, serviceName } from "./haproxy-service.ts";
import type { Known } from "./known.ts";
import { translateWords } from "./line-map.ts";
import { summarize } from "./listeners.ts";
import type { LoadBalancerStore } from "./load-balancer-store.ts";

export interface ApplyDependencies {
  store: LoadBalancerStore;
  process: HaproxyProcess;
  services: ServiceManager;
  derivations: Derivations;
  clock: Clock;
  log: Log;
  events: EventSink;
}

/** Once begun, an action goes to its end, whoever gave up waiting for it: nothing is left half applied. */
const TO_THE_END = new AbortController().signal;

/** Makes haproxy run what is stored, proves that it does, and goes back to what ran before when it does not. */
export class ConfigurationApply {
  readonly #do: ApplyDependencies;

  constructor(dependencies: ApplyDependencies) {
    this.#do = dependencies;
  }

  async apply(
    id: string,
    action: "start" | "reload",
    text: string,
    known: Known,
  ): Promise<{ effective: "start" | "reload" }> {
    const { store, services, clock, events } = this.#do;
    const startedMs = clock.monotonicMs();
    const state = await services.state(serviceName(id));
    const serves = state.state === "running" && !state.foreign;
    if (action === "start" && serves) {
      await store.markStopped(id, false);
      return { effective: "start" }; // as systemd: starting what is active changes nothing
    }
    // What is not running is started; what somebody else started with other arguments is replaced.
    const effective = action === "reload" && serves ? "reload" : "start";
    const [derived, previous] = await Promise.all([this.#derive(id, text), store.runningText(id)]);
    const sockets = { master: store.paths(id).masterSocket, statistics: known.stored.statisticsSocket };
    try {
      if (state.state === "running" && effective === "reload") {
        // The statistics socket of the new configuration may be another one: the old worker answers on the old one.
        const running = { ...sockets, statistics: known.statisticsSocket };
        await Promise.all([store.writeRunning(id, derived.text), this.#saveServersState(id, running)]);
        await this.#reload(id, state.pid, { before: running, after: sockets });
      } else {
        await store.writeRunning(id, derived.text);
        await services.start(await this.#service(id), TO_THE_END);
      }
    } catch (error) {
      await this.#goBack(id, previous, state.state);
      throw this.#failed(id, action, error, derived);
    }
    await store.markStopped(id, false);
    known.statisticsSocket = sockets.statistics;
    this.#remember(id, known, derived);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    events.publish("load-balancer.applied", { loadBalancerId: id, how: effective, tookMs });
    return { effective };
  }

  async stop(id: string): Promise<void> {
    // The mark first: an agent that dies in between does not start what was to be stopped.
    await this.#do.store.markStopped(id, true);
    await this.#stopMarked(id);
  }

  /** Also on a full disk, where there is no room for the mark: a delete makes room. */
  async stopToDelete(id: string): Promise<void> {
    await this.#do.store.markStopped(id, true).catch((error: unknown) => {
      if (!(error instanceof AgentError) || !isFull(error.cause)) throw error;
      this.#do.log.warn({ event: "load-balancer.not-marked", loadBalancerId: id, error }, "no room for a mark");
    });
    await this.#stopMarked(id);
  }

  async #stopMarked(id: string): Promise<void> {
    try {
      await this.#do.services.stop(serviceName(id), TO_THE_END);
    } catch (error) {
      await this.#do.store.markStopped(id, false);
      throw error;
    }
    this.#do.events.publish("load-balancer.stopped", { loadBalancerId: id });
  }

  async adopt(id: string, text: string, known: Known): Promise<RunningProcess | undefined> {
    const { store, services } = this.#do;
    // It runs what was applied last, which may be older than what is stored; a stock agent's runs the stored file.
    const running = await store.runningText(id);
    known.statisticsSocket = summarize(running ?? text).statisticsSocket;
    const adopted = await services.adopt(await this.#service(id));
    // What to start should it die.
    if (adopted && running === undefined) await store.writeRunning(id, (await this.#derive(id, text)).text);
    return adopted;
  }

  /** Starts it in the background, as often as it takes. */
  async keepRunning(id: string, text: string, known: Known): Promise<void> {
    const derived = await this.#derive(id, text);
    await this.#do.store.writeRunning(id, derived.text);
    known.statisticsSocket = known.stored.statisticsSocket;
    this.#remember(id, known, derived);
    await this.#do.services.keepRunning(await this.#service(id));
  }

  async #reload(id: string, pid: number, sockets: { before: Sockets; after: Sockets }): Promise<void> {
    const { process, services } = this.#do;
    const name = serviceName(id);
    const outcome = await process.reload(name, pid, sockets);
    if (outcome.ok) return;
    if (outcome.reason === "died") await services.stop(name, TO_THE_END); // its restart would take the new file
    const message = `haproxy did not take the new configuration: ${outcome.reason}`;
    throw new AgentError("action-failed", message, { details: (await services.output(name)).trim() || message });
  }

  async #saveServersState(id: string, sockets: Sockets): Promise<void> {
    try {
      const state = await this.#do.process.serversState(sockets);
      if (state === undefined) throw new Error("the statistics socket does not answer");
      await this.#do.store.writeServersState(id, state);
    } catch (error) {
      const fields = { event: "load-balancer.state-not-saved", loadBalancerId: id, error };
      this.#do.log.warn(fields, "servers begin with the states of their configuration");
    }
  }

  /** The previous file again; haproxy runs it already, or gets it if it ran before and does not now. */
  async #goBack(id: string, previous: string | undefined, before: "running" | "restarting" | "stopped"): Promise<void> {
    const { store, services, log } = this.#do;
    try {
      await store.writeRunning(id, previous);
      if (before === "stopped" || previous === undefined) return;
      const service = await this.#service(id);
      if ((await services.state(service.name)).state === "stopped") await services.keepRunning(service);
    } catch (error) {
      log.error({ event: "load-balancer.not-restored", loadBalancerId: id, error }, "the last good file is not back");
    }
  }

  #failed(id: string, action: string, error: unknown, derived: Derivation & { ok: true }): unknown {
    const reason = messageOf(error);
    this.#do.events.publish("load-balancer.apply-failed", { loadBalancerId: id, reason });
    if (!(error instanceof AgentError) || error.code !== "action-failed") return error;
    const { running, stored } = this.#do.store.paths(id);
    return new AgentError("action-failed", `Error ${action}ing haproxy`, {
      details: translateWords(error.details ?? reason, running, stored, derived.lineMap),
      cause: error,
    });
  }

  async #derive(id: string, text: string): Promise<Derivation & { ok: true }> {
    const derived = await this.#do.derivations.take(text);
    if (derived.ok) return derived;
    const details = `${this.#do.store.paths(id).stored}:${derived.line}: ${derived.reason}`;
    throw new AgentError("action-failed", "the stored configuration cannot run here", { details });
  }

  #remember(id: string, known: Known, derived: Derivation & { ok: true }): void {
    known.cap = undefined;
    for (const change of derived.changes) {
      if (change.what !== "maxconn-capped") continue;
      const { wanted, capped, openFilesLimit } = change;
      known.cap = { wanted, capped, openFilesLimit };
      this.#do.events.publish("load-balancer.maxconn-capped", { loadBalancerId: id, ...known.cap });
      const fields = { event: "load-balancer.maxconn-capped", loadBalancerId: id, ...known.cap };
      this.#do.log.warn(fields, "maxconn lowered to what the limit of open files allows");
    }
  }

  async #service(id: string): Promise<Service> {
    return haproxyService(this.#do.store, this.#do.process, { id, peer: await this.#do.store.peer(id) });
  }
}

function isFull(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
}
