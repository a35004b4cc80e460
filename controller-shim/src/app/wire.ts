import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join, resolve } from "node:path";
import { HttpsAgentClient } from "../adapters/agent-client/https-agent-client.ts";
import { systemClock as clock } from "../adapters/clock/system-clock.ts";
import { HaproxyDriver } from "../adapters/drivers/haproxy/haproxy-driver.ts";
import { computeDrivers } from "../adapters/drivers/registry.ts";
import { createApi } from "../adapters/http/create-api.ts";
import { serveApi } from "../adapters/http/serve-api.ts";
import { LocalCertificateAuthority } from "../adapters/pki/local-certificate-authority.ts";
import { openSqliteStore } from "../adapters/store/open-sqlite-store.ts";
import { receiveHeartbeats } from "../adapters/udp/heartbeat-receiver.ts";
import { amphoraPaths } from "../core/drivers/amphora-paths.ts";
import { BoundedEventLog } from "../core/events/event-log.ts";
import { AmphoraHealth } from "../core/health/amphora-health.ts";
import { AmphoraWatch } from "../core/health/amphora-watch.ts";
import { heartbeatKey } from "../core/health/open-heartbeat.ts";
import { StatisticsBuffer } from "../core/health/statistics.ts";
import { describe } from "../core/lifecycle/failure.ts";
import { freeAllLeases } from "../core/lifecycle/lease.ts";
import { networkOf } from "../core/lifecycle/lifecycle.ts";
import { LoadBalancerReconciler } from "../core/lifecycle/reconcile-load-balancer.ts";
import { ReconcileLoop } from "../core/lifecycle/reconcile-loop.ts";
import { RENEWAL_EVERY_MS, renewCertificates } from "../core/lifecycle/renew-certificates.ts";
import type { Log } from "../core/log.ts";
import { allocateAddress } from "../core/planning/allocate-address.ts";
import type { ShimConfiguration } from "./config.ts";
import { claimInstance } from "./instance-record.ts";
import { heldNetwork } from "./network-holder.ts";
import { networksOf } from "./networks.ts";
import { CannotStart, heartbeatKeyIn, lockStateDirectory } from "./state-directory.ts";

export interface RunningShim {
  /** For the person who started it: where the API is, where the state, which networks. */
  lines: string[];
  /** Ends everything of this process; amphorae go on. */
  stop(): Promise<void>;
}

const PREPARE_TIMEOUT_MS = 30_000;
const agentBundle = resolve(import.meta.dirname, "../../../agent/dist/agent.cjs");

/** Chooses the implementations and starts them, from the inside out. What was started is ended when a later one fails. */
export async function startShim(configuration: ShimConfiguration, log: Log): Promise<RunningShim> {
  const started: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).reverse()) await end();
  };
  try {
    return { lines: await start(configuration, log, (end) => started.push(end)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  configuration: ShimConfiguration,
  log: Log,
  onStop: (end: () => Promise<void> | void) => void,
): Promise<string[]> {
  const { instance, state_directory: stateDirectory, health: healthSettings } = configuration;
  const { host, port, public_url: publicUrl, token, username, password } = configuration.api;
  const apiUrl = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const networks = networksOf(configuration);
  if (process.getuid?.() !== 0) throw new CannotStart("the shim makes network namespaces, which needs root: use sudo");
  if (!existsSync(agentBundle)) throw new CannotStart(`the agent is not bundled (${agentBundle}): npm run build:agent`);

  onStop(lockStateDirectory(stateDirectory));
  claim(() => claimInstance({ instance, stateDirectory, apiUrl }));

  const database = join(stateDirectory, "state.db");
  const store = await inWords(`the state database ${database} cannot be used`, () => openSqliteStore(database));
  onStop(() => store.close());
  const authority = await inWords("no certificate authority", () =>
    LocalCertificateAuthority.open(join(stateDirectory, "pki"), clock),
  );
  const key = heartbeatKeyIn(stateDirectory);
  await freeAllLeases(store);

  const agent = new HttpsAgentClient(authority);
  onStop(() => agent.close());
  const amphoraDriver = new HaproxyDriver(agent, {
    basePath: amphoraPaths.basePath,
    connectionLogging: configuration.haproxy.connection_logging,
    templateFolder: configuration.haproxy.template_directory,
  });
  const createCompute = computeDrivers["netns"];
  if (!createCompute) throw new CannotStart("there is no compute driver netns");
  const compute = createCompute({
    instance,
    stateDirectory,
    networks,
    agentBundle,
    log,
    amphoraeMax: configuration.amphora.maximum,
    memoryPerAmphoraBytes: configuration.amphora.memory_needed_mib * 2 ** 20,
  });
  const networksWereMissing = !(await compute.hasNetworks());
  if (networksWereMissing) await refuseHeldNetworks(configuration);
  await compute.prepare(AbortSignal.timeout(PREPARE_TIMEOUT_MS));

  const events = new BoundedEventLog(clock);
  const statistics = new StatisticsBuffer(store);
  const health = new AmphoraHealth({
    store,
    clock,
    log,
    events,
    statistics,
    key: heartbeatKey(key),
    heartbeatIntervalMs: healthSettings.heartbeat_interval_seconds * 1e3,
  });
  const owner = `${instance}/${process.pid}/${randomUUID()}`;
  const reconciler = new LoadBalancerReconciler({
    store,
    compute,
    amphoraDriver,
    agent,
    authority,
    networks,
    allocateAddress,
    clock,
    log,
    events,
    owner,
    settings: {
      deadlineMs: configuration.reconcile.deadline_seconds * 1e3,
      bootMs: configuration.reconcile.boot_seconds * 1e3,
      memoryMaxBytes: configuration.amphora.memory_max_mib * 2 ** 20,
      processesMax: configuration.amphora.processes_max,
      heartbeatKey: key,
      heartbeatIntervalS: healthSettings.heartbeat_interval_seconds,
      heartbeatPort: healthSettings.heartbeat_port,
    },
    onApplied: (id) => health.onApplied(id),
  });
  const loop = new ReconcileLoop(reconciler, { store, clock, log, owner, parallel: configuration.reconcile.parallel });
  const wake = (id: string) => {
    health.onApplied(id);
    loop.wake(id);
  };

  const management = networkOf(networks, "management").subnet.gateway;
  const receiver = await receiveHeartbeats(
    { host: management, port: healthSettings.heartbeat_port },
    (datagram, from) => health.receive(datagram, from),
    (error) => log.error({ event: "heartbeat.socket-failed", error: describe(error) }, "the heartbeat socket failed"),
  ).catch((cause: NodeJS.ErrnoException) => {
    throw new CannotStart(`heartbeats cannot be received: ${addressProblem(cause)}`, { cause });
  });
  onStop(() => receiver.close());

  const watch = new AmphoraWatch({
    store,
    compute,
    agent,
    clock,
    log,
    events,
    health,
    wake,
    networksWereMissing,
    observeIntervalMs: healthSettings.observe_interval_seconds * 1e3,
    heartbeatTimeoutMs: healthSettings.heartbeat_timeout_seconds * 1e3,
  });
  const ending = new AbortController();
  const running = [
    loop.run(ending.signal),
    watch.run(ending.signal),
    repeat("statistics.flush", healthSettings.statistics_interval_seconds * 1_000, log, ending.signal, () =>
      statistics.flush(),
    ),
    repeat("certificates.renewal", RENEWAL_EVERY_MS, log, ending.signal, async () => {
      if (!ending.signal.aborted) await renewCertificates({ store, clock, agent, authority, log }, ending.signal);
    }),
  ];
  onStop(async () => {
    ending.abort(new Error("the shim is stopping"));
    await Promise.all(running);
  });

  const heartbeats = () => health.counts();
  const api = createApi(
    { store, networks, computeDriver: compute, amphoraDriver, clock, events, wake, heartbeats, log },
    { credentials: { token, username, password }, publicUrl },
  );
  const served = await serveApi(api, { host, port }).catch((cause: NodeJS.ErrnoException) => {
    throw new CannotStart(`the API cannot be served: ${addressProblem(cause)}`, { cause });
  });
  onStop(() => served.close());

  return [
    `API:      ${apiUrl}`,
    `state:    ${stateDirectory}`,
    ...networks.map(({ name, subnet }) => `network:  ${name} ${subnet.cidr}, this machine is ${subnet.gateway}`),
  ];
}

/** A second bridge into somebody's network would take traffic from there: told before anything is made. */
async function refuseHeldNetworks({ instance, networks }: ShimConfiguration): Promise<void> {
  const held = await heldNetwork(Object.values(networks), (link) => link.startsWith(`${instance}-`));
  if (!held) return;
  throw new CannotStart(
    `network ${held.network} is in use on link ${held.link}: set others in the configuration file, [networks] management, vip, members`,
  );
}

/** Runs `work` again and again, and once more when the shim stops; a failure is told and tried again. */
async function repeat(what: string, everyMs: number, log: Log, signal: AbortSignal, work: () => Promise<void>) {
  for (let last = false; ; last = signal.aborted) {
    await work().catch((error: unknown) => {
      log.error({ event: `${what}-failed`, error: describe(error) }, `${what} failed, it will be tried again`);
    });
    if (last) return;
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

/** What is wrong with our own files is for the person who started us to mend: one line, no stack. */
async function inWords<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { message, cause } = error as Error;
    throw new CannotStart(`${what}: ${message}${cause instanceof Error ? `: ${cause.message}` : ""}`, { cause: error });
  }
}

function claim(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new CannotStart((error as Error).message, { cause: error });
  }
}

function addressProblem(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const address = `${error.address ?? "the address"}:${error.port ?? "?"}`;
  if (error.code === "EADDRINUSE")
    return `${address} is taken by another program: stop that, or set another port in the configuration file`;
  if (error.code === "EADDRNOTAVAIL") return `${address} is not an address of this machine`;
  return error.message;
}
