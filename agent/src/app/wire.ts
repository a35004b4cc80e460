import openapi from "../../openapi.json" with { type: "json" };
import { systemClock } from "../adapters/clock/system-clock.ts";
import { CounterFile } from "../adapters/counters/counter-file.ts";
import { IpNetnsCommand } from "../adapters/exec/ip-netns-command.ts";
import { NodePrograms } from "../adapters/exec/node-programs.ts";
import { HaproxyCheck } from "../adapters/haproxy/haproxy-check.ts";
import { UnixHaproxySockets } from "../adapters/haproxy/unix-sockets.ts";
import { buildApp } from "../adapters/http/app.ts";
import { EventReaders } from "../adapters/http/event-readers.ts";
import { kraterRoutes } from "../adapters/http/krater-routes.ts";
import { octaviaRoutes } from "../adapters/http/octavia-routes.ts";
import { startServer } from "../adapters/http/server.ts";
import { ServerIdentity } from "../adapters/http/server-identity.ts";
import { KeepalivedVrrpProcess } from "../adapters/keepalived/vrrp-process.ts";
import type { AdjustableLog } from "../adapters/log/pino-log.ts";
import { createNotifier } from "../adapters/notify/systemd-notify.ts";
import { becomeOnlyAgent } from "../adapters/process/only-agent.ts";
import { NodeProcessFacts } from "../adapters/process/process-facts.ts";
import { LinuxSystemFacts } from "../adapters/system/linux-system-facts.ts";
import { UdpDatagrams } from "../adapters/udp/udp-datagrams.ts";
import type { AgentStatus } from "../contract/krater.ts";
import type { AgentConfiguration, KraterConfiguration } from "../core/configuration/agent-configuration.ts";
import { ConfigurationStore } from "../core/configuration/configuration-store.ts";
import { CurrentConfiguration } from "../core/configuration/live-configuration.ts";
import { EventStream } from "../core/events/event-stream.ts";
import { createLoadBalancers } from "../core/haproxy/create-load-balancers.ts";
import type { LoadBalancers } from "../core/haproxy/load-balancers.ts";
import { type Heartbeats, startHeartbeats } from "../core/heartbeat/loop.ts";
import { mergeCalls } from "../core/merge-calls.ts";
import { AgentMetrics } from "../core/metrics/metrics.ts";
import type { Files } from "../core/system/files.ts";
import { logLevelOf, VERSION } from "./config.ts";
import { createServices } from "./services.ts";

const RELOAD_WITHIN_MS = 30_000;

export interface RunningAgent {
  /** SIGHUP: configuration and certificates are read again. */
  reload(): Promise<void>;
  /** Lets go of everything; haproxy goes on. */
  stop(reason: string): Promise<void>;
}

/** Chooses the implementations, and starts them in the order in which they need each other. */
export async function startAgent(given: {
  configuration: AgentConfiguration;
  configFiles: readonly string[];
  defaults: { supervisor: KraterConfiguration["supervisor"] };
  files: Files;
  log: AdjustableLog;
}): Promise<RunningAgent> {
  const { configuration, files, log } = given;
  const { amphoraAgent, haproxyAmphora, krater } = configuration;
  const startedAtMs = systemClock.nowMs();
  const current = new CurrentConfiguration(configuration);
  const events = new EventStream(systemClock);
  const notifier = createNotifier(process.env, log);

  const programs = new NodePrograms();
  const namespace = new IpNetnsCommand(krater.networkNamespace);
  const sockets = new UnixHaproxySockets();
  const { services, openFiles } = createServices({ krater, programs, namespace, files, log });
  const system = new LinuxSystemFacts({
    programs,
    namespace,
    haproxy: haproxyAmphora.haproxyCmd,
    basePath: haproxyAmphora.basePath,
  });
  const haproxy = createLoadBalancers({
    configuration: current,
    files,
    check: new HaproxyCheck({ programs, haproxy: haproxyAmphora.haproxyCmd, namespace }),
    services,
    sockets,
    openFiles,
    clock: systemClock,
    log,
    events,
  });
  const { loadBalancers, certificates } = haproxy;
  const observe = () => loadBalancers.observe();

  const paths = { certificate: amphoraAgent.agentServerCert, ca: amphoraAgent.agentServerCa };
  const beginHaproxy = async () => {
    await becomeOnlyAgent(haproxyAmphora.basePath, log);
    await haproxy.reconcile();
  };
  const [identity] = await Promise.all([ServerIdentity.load({ paths, files, events, log }), beginHaproxy()]);

  const ending = new AbortController();
  const datagrams = new UdpDatagrams();
  let heartbeats: Heartbeats | undefined;

  const processFacts = new NodeProcessFacts();
  const metrics = new AgentMetrics({
    clock: systemClock,
    version: VERSION,
    nodeVersion: process.version,
    observe,
    heartbeats: () => heartbeats?.counts() ?? { sent: 0, failed: 0, withheld: 0, bytes: 0 },
    process: processFacts,
    eventRing: () => events.kept(),
  });
  const counting = metrics.follow(events.follow(0, ending.signal));

  const store = new ConfigurationStore({
    paths: given.configFiles,
    files,
    defaults: given.defaults,
    current,
    events,
    log,
    applied: () => {
      log.setLevel(logLevelOf(current.current()));
      heartbeats?.beatNow();
    },
  });
  const readers = new EventReaders(events);
  const app = buildApp(
    [
      ...octaviaRoutes({ loadBalancers, certificates, system, configuration: store, serverCertificate: identity }),
      ...kraterRoutes({
        status: () => statusOf({ current, identity, events, loadBalancers, startedAtMs }),
        metrics,
        events: readers,
        openapi,
      }),
    ],
    log,
  );
  const server = await startServer(
    app,
    identity,
    {
      host: haproxyAmphora.bindHost,
      port: haproxyAmphora.bindPort,
      minVersion: amphoraAgent.agentTlsProtocol,
      requestTimeoutMs: amphoraAgent.agentRequestReadTimeoutMs,
    },
    log,
  );

  // Only now: an agent that cannot be reached must not be taken for a healthy one.
  heartbeats = startHeartbeats(
    {
      clock: systemClock,
      log,
      configuration: current,
      events,
      observe,
      sockets,
      counterStore: new CounterFile(haproxyAmphora.basePath),
      vrrp: new KeepalivedVrrpProcess(haproxyAmphora.basePath),
      datagrams,
    },
    ending.signal,
  );
  events.publish("agent.started", { version: VERSION });
  log.info({ event: "agent.started", version: VERSION, ...server.address() }, "serving");
  notifier.notify("ready");

  return {
    // A storm of signals is one reload after the one that is under way.
    reload: mergeCalls(async () => {
      notifier.notify("reloading");
      try {
        await store.reload(AbortSignal.timeout(RELOAD_WITHIN_MS));
      } catch (error) {
        log.error({ event: "configuration.refused", error }, "the configuration cannot be used, the old one stays");
      }
      await identity.refresh();
      notifier.notify("ready");
    }),
    stop: async (reason) => {
      notifier.notify("stopping");
      log.info({ event: "agent.stopping", reason }, "stopping; haproxy goes on");
      events.publish("agent.stopping", { reason });
      readers.stop();
      ending.abort();
      await Promise.all([server.stop(), heartbeats?.stopped, counting]);
      datagrams.close();
      services.close();
      processFacts.stop();
    },
  };
}

async function statusOf(parts: {
  current: CurrentConfiguration;
  identity: ServerIdentity;
  events: EventStream;
  loadBalancers: LoadBalancers;
  startedAtMs: number;
}): Promise<AgentStatus> {
  const { current, identity, events, loadBalancers, startedAtMs } = parts;
  const { amphoraAgent, controllerWorker, krater } = current.current();
  const observed = await loadBalancers.observe();
  return {
    version: VERSION,
    amphoraId: amphoraAgent.amphoraId,
    startedAtMs,
    uptimeSeconds: Math.round(process.uptime()),
    topology: controllerWorker.loadbalancerTopology,
    supervisor: krater.supervisor,
    serverCertificate: identity.describe(),
    events: { runId: events.runId, newest: events.newest },
    loadBalancers: observed.map(({ loadBalancerId, haproxy, restarts, maxconn }) => ({
      id: loadBalancerId,
      haproxy,
      restarts,
      ...(maxconn ? { maxconn } : {}),
    })),
  };
}
