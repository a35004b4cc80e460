import { request } from "node:http";
import { onTestFinished } from "vitest";
import { systemClock } from "../../agent/src/adapters/clock/system-clock.ts";
import { DiskFiles } from "../../agent/src/adapters/disk/disk-files.ts";
import { IpNetnsCommand } from "../../agent/src/adapters/exec/ip-netns-command.ts";
import { NodePrograms } from "../../agent/src/adapters/exec/node-programs.ts";
import { ProcProcesses } from "../../agent/src/adapters/exec/proc-processes.ts";
import { HaproxyCheck } from "../../agent/src/adapters/haproxy/haproxy-check.ts";
import { HeldConnections } from "../../agent/src/adapters/haproxy/held-connection.ts";
import { UnixHaproxySockets } from "../../agent/src/adapters/haproxy/unix-sockets.ts";
import { SpawnedOpenFiles } from "../../agent/src/adapters/spawn/open-files.ts";
import { SpawnServiceManager } from "../../agent/src/adapters/spawn/spawn-service-manager.ts";
import { SystemdOpenFiles } from "../../agent/src/adapters/systemd/open-files.ts";
import { SystemdServiceManager } from "../../agent/src/adapters/systemd/systemd-service-manager.ts";
import type { AgentConfiguration } from "../../agent/src/core/configuration/agent-configuration.ts";
import type { AgentEventName, AgentEvents } from "../../agent/src/core/events/agent-events.ts";
import { createLoadBalancers } from "../../agent/src/core/haproxy/create-load-balancers.ts";
import { exampleConfiguration } from "../../agent/src/testing/agent-configuration.ts";
import { FakeLog } from "../../agent/src/testing/fake-log.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export const amphoraId = "a3000001-0001-4000-8000-000000000001";

interface PublishedEvent {
  name: AgentEventName;
  data: AgentEvents[AgentEventName];
}

/** One process' worth of the haproxy part: what `app/wire.ts` makes of the real adapters. */
export function startHaproxyPart(configuration: AgentConfiguration, supervisor: "spawn" | "systemd" = "spawn") {
  const programs = new NodePrograms();
  const processes = new ProcProcesses();
  const clock = systemClock;
  const log = new FakeLog();
  const events: PublishedEvent[] = [];
  const live = { current: () => configuration };
  const namespace = new IpNetnsCommand(configuration.krater.networkNamespace);
  const spawnedOpenFiles = new SpawnedOpenFiles(programs);
  const openFiles = supervisor === "systemd" ? new SystemdOpenFiles() : spawnedOpenFiles;
  const sockets = new UnixHaproxySockets();
  const shared = { programs, processes, namespace, clock, log, connections: new HeldConnections() };
  const { runDirectory } = configuration.krater;
  const services =
    supervisor === "systemd"
      ? new SystemdServiceManager({ ...shared, files: new DiskFiles(), unitDirectory: "/etc/systemd/system" })
      : new SpawnServiceManager({ ...shared, openFiles: spawnedOpenFiles, runDirectory });
  const part = createLoadBalancers({
    services,
    sockets,
    openFiles,
    clock,
    log,
    configuration: live,
    files: new DiskFiles(),
    check: new HaproxyCheck({ programs, namespace, haproxy: configuration.haproxyAmphora.haproxyCmd }),
    events: { publish: (name, data) => void events.push({ name, data }) },
  });
  return { ...part, services, sockets, log, events, configuration, openFiles };
}

export type HaproxyPart = ReturnType<typeof startHaproxyPart>;

/** Paths in a folder of the test's own; every haproxy that names it is ended with the test. */
export async function haproxyFolder(): Promise<{ folder: string; configuration: AgentConfiguration }> {
  const folder = await temporaryDirectory();
  const example = exampleConfiguration();
  onTestFinished(() => endHaproxies(folder));
  return {
    folder,
    configuration: {
      ...example,
      haproxyAmphora: {
        ...example.haproxyAmphora,
        basePath: `${folder}/b`,
        baseCertDir: `${folder}/b/certs`,
      },
      krater: { ...example.krater, runDirectory: `${folder}/r` },
    },
  };
}

export async function startHaproxyHere(change: (configuration: AgentConfiguration) => void = () => undefined) {
  const { folder, configuration } = await haproxyFolder();
  change(configuration);
  const part = startHaproxyPart(configuration);
  onTestFinished(() => part.services.close());
  return { folder, ...part };
}

/** Every haproxy whose command line names a file in the folder. */
export function haproxiesOf(folder: string): number[] {
  return new ProcProcesses()
    .find(({ commandLine }) => isHaproxy(commandLine[0]) && commandLine.some((word) => word.startsWith(`${folder}/`)))
    .map(({ pid }) => pid);
}

function endHaproxies(folder: string): void {
  for (const pid of haproxiesOf(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // went with its master
    }
  }
}

function isHaproxy(command: string | undefined): boolean {
  return /(^|\/)haproxy$/.test(command ?? "");
}

/** A configuration as Octavia writes it, answering by itself with `answer`. */
export function exampleText(values: {
  basePath: string;
  id: string;
  port: number;
  answer?: string;
  maxconn?: number;
  servers?: readonly string[];
}): string {
  const { basePath, id, port, answer = "one", maxconn = 2000 } = values;
  return `# Configuration for loadbalancer ${id}
global
    daemon
    user nobody
    group nogroup
    stats socket ${basePath}/${id}.sock mode 0666 level user
    server-state-file ${basePath}/${id}/servers-state
    maxconn ${maxconn}

defaults
    retries 3
    option redispatch
    option splice-request
    option splice-response
    option http-keep-alive

frontend 11000001-0001-4000-8000-000000000001
    maxconn ${maxconn}
    bind 127.0.0.1:${port}
    mode http
    timeout client 50000
    http-request return status 200 content-type text/plain string ${answer}

backend 50000001-0001-4000-8000-000000000001:11000001-0001-4000-8000-000000000001
    mode http
    http-reuse safe
    balance roundrobin
    fullconn ${maxconn}
    option allbackups
    timeout connect 5000
    timeout server 50000
${(values.servers ?? ["server 3e000001-0001-4000-8000-000000000001 127.0.0.1:9 weight 1"]).map((each) => `    ${each}\n`).join("")}`;
}

/** The body a listener on loopback answers; rejects when it does not. */
export function fetchBody(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false, timeout: 2_000 }, (incoming) => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        body += chunk;
      });
      incoming.on("end", () => resolve(body));
      incoming.on("error", reject);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}
