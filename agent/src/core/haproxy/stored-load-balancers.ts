import type { ListenerSummary } from "../../contract/rest.ts";
import { AgentError } from "../agent-error.ts";
import type { Clock } from "../clock.ts";
import type { LiveConfiguration } from "../configuration/agent-configuration.ts";
import type { EventSink } from "../events/agent-events.ts";
import type { KeyedLock } from "../keyed-lock.ts";
import type { Log } from "../log.ts";
import type { OpenFilesLimit } from "../services/open-files.ts";
import type { ServiceEvent, ServiceManager } from "../services/service-manager.ts";
import type { Files } from "../system/files.ts";
import { ConfigurationApply } from "./apply-configuration.ts";
import type { ConfigurationCheck } from "./configuration-check.ts";
import { Derivations } from "./derivations.ts";
import { readCap } from "./derive-running-configuration.ts";
import { HaproxyProcess } from "./haproxy-process.ts";
import { loadBalancerOf, serviceName } from "./haproxy-service.ts";
import type { HaproxyConversations, HaproxySockets } from "./haproxy-sockets.ts";
import { requireIdentifier } from "./identifiers.ts";
import type { Known } from "./known.ts";
import { summarize } from "./listeners.ts";
import { LoadBalancerStore } from "./load-balancer-store.ts";
import type { LoadBalancerAction, LoadBalancerObservation, LoadBalancers, UploadRequest } from "./load-balancers.ts";
import { ConfigurationUpload } from "./upload-configuration.ts";

export interface LoadBalancerDependencies {
  configuration: LiveConfiguration;
  files: Files;
  check: ConfigurationCheck;
  services: ServiceManager;
  sockets: HaproxySockets & HaproxyConversations;
  openFiles: OpenFilesLimit;
  clock: Clock;
  log: Log;
  events: EventSink;
}

/** The use cases, in one object for both APIs. Changes of one load balancer come one after the other. */
export class StoredLoadBalancers implements LoadBalancers {
  readonly #do: LoadBalancerDependencies;
  readonly #store: LoadBalancerStore;
  readonly #known = new Map<string, Known>();
  readonly #lock: KeyedLock;
  readonly #upload: ConfigurationUpload;
  readonly #apply: ConfigurationApply;

  constructor(dependencies: LoadBalancerDependencies, lock: KeyedLock) {
    this.#do = dependencies;
    this.#lock = lock;
    this.#store = new LoadBalancerStore(dependencies.files, dependencies.configuration);
    const process = new HaproxyProcess(dependencies);
    const { openFiles } = dependencies;
    const derivations = new Derivations({ store: this.#store, openFiles });
    this.#upload = new ConfigurationUpload({ ...dependencies, store: this.#store, process, derivations });
    this.#apply = new ConfigurationApply({ ...dependencies, store: this.#store, process, derivations });
    dependencies.services.subscribe((event) => this.#heard(event));
  }

  async upload(request: UploadRequest, signal: AbortSignal): Promise<void> {
    const id = request.loadBalancerId;
    requireIdentifier(id);
    await this.#lock.hold(id, signal, async () => {
      const stored = await this.#upload.upload(request, signal);
      const known = this.#known.get(id);
      if (known) known.stored = stored;
      else this.#known.set(id, { stored, statisticsSocket: undefined, cap: undefined, restarts: 0 });
      this.#do.events.publish("load-balancer.uploaded", { loadBalancerId: id, bytes: request.configuration.length });
    });
  }

  async read(loadBalancerId: string): Promise<Buffer | undefined> {
    requireIdentifier(loadBalancerId);
    return this.#store.stored(loadBalancerId);
  }

  async act(
    loadBalancerId: string,
    action: LoadBalancerAction,
    signal: AbortSignal,
  ): Promise<{ effective: LoadBalancerAction }> {
    requireIdentifier(loadBalancerId);
    return this.#lock.hold(loadBalancerId, signal, async () => {
      const text = await this.#store.storedText(loadBalancerId);
      if (text === undefined) {
        throw new AgentError("load-balancer-not-found", `No loadbalancer with UUID: ${loadBalancerId}`);
      }
      const known = this.#knownOf(loadBalancerId, text);
      if (action !== "stop") return this.#apply.apply(loadBalancerId, action, text, known);
      await this.#apply.stop(loadBalancerId);
      return { effective: "stop" };
    });
  }

  async delete(loadBalancerId: string, signal: AbortSignal): Promise<void> {
    requireIdentifier(loadBalancerId);
    await this.#lock.hold(loadBalancerId, signal, async () => {
      // What cannot be read (a folder in its place) can be deleted all the same.
      const text = await this.#store.storedText(loadBalancerId).catch(() => "");
      if (text === undefined) return;
      await this.#apply.stopToDelete(loadBalancerId);
      await this.#do.services.uninstall(serviceName(loadBalancerId), AbortSignal.timeout(60_000));
      const socket = summarize(text).statisticsSocket ?? this.#store.paths(loadBalancerId).statisticsSocket;
      await this.#store.remove(loadBalancerId, socket);
      this.#known.delete(loadBalancerId);
      this.#do.events.publish("load-balancer.deleted", { loadBalancerId });
    });
  }

  async listeners(): Promise<ListenerSummary[]> {
    return this.#inOrder().flatMap(([, known]) => known.stored.listeners);
  }

  async observe(): Promise<LoadBalancerObservation[]> {
    return Promise.all(this.#inOrder().map(([id, known]) => this.#observe(id, known)));
  }

  /**
   * Once, when the agent starts: what should run, runs. A haproxy that went on while the agent was away is adopted as
   * it is; everything else not stopped on purpose is started in the background, until it runs. A stop goes to its end.
   */
  async reconcile(): Promise<void> {
    try {
      await this.#store.removeLeftovers();
      await this.#store.ensureGroupFile();
    } catch (error) {
      // A read-only or full disk must not keep the agent from looking after what runs.
      this.#do.log.error({ event: "storage.not-tidied", error }, "leftovers of a crash may remain");
    }
    for (const id of await this.#store.ids()) {
      try {
        await this.#reconcileOne(id);
      } catch (error) {
        // One load balancer's trouble is not the others'; the controller sees it in the status.
        this.#do.log.error({ event: "load-balancer.not-reconciled", loadBalancerId: id, error }, "not reconciled");
      }
    }
  }

  async #reconcileOne(id: string): Promise<void> {
    const text = await this.#store.storedText(id);
    if (text === undefined) return;
    const known = this.#knownOf(id, text);
    const adopted = await this.#apply.adopt(id, text, known);
    const stopped = await this.#store.isStopped(id);
    if (adopted && stopped) {
      await this.#apply.stop(id); // an agent before us was interrupted while it stopped it
    } else if (adopted) {
      known.cap = readCap((await this.#store.runningText(id)) ?? "");
      this.#do.events.publish("haproxy.adopted", { loadBalancerId: id, pid: adopted.pid });
    } else if (!stopped) {
      await this.#apply.keepRunning(id, text, known);
    }
  }

  async #observe(id: string, known: Known): Promise<LoadBalancerObservation> {
    const state = await this.#do.services.state(serviceName(id));
    const { statisticsSocket } = this.#store.paths(id);
    return {
      loadBalancerId: id,
      statisticsSocket: known.statisticsSocket ?? known.stored.statisticsSocket ?? statisticsSocket,
      haproxy:
        state.state === "running" ? { state: "running", masterPid: state.pid, sinceMs: state.sinceMs } : { ...state },
      ...(known.cap && state.state !== "stopped" ? { maxconn: known.cap } : {}),
      restarts: known.restarts,
    };
  }

  #knownOf(id: string, text: string): Known {
    const known = this.#known.get(id) ?? {
      stored: summarize(text),
      statisticsSocket: undefined,
      cap: undefined,
      restarts: 0,
    };
    this.#known.set(id, known);
    return known;
  }

  #inOrder(): [string, Known][] {
    return [...this.#known].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #heard(event: ServiceEvent): void {
    const loadBalancerId = loadBalancerOf(event.name);
    const { pid } = event;
    if (event.kind === "died") {
      this.#do.events.publish("haproxy.died", { loadBalancerId, pid, reason: event.reason });
      return;
    }
    const known = this.#known.get(loadBalancerId);
    if (known) known.restarts++;
    this.#do.events.publish("haproxy.restarted", { loadBalancerId, pid, attempt: event.attempt });
  }
}
