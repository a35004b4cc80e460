import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { type Agent as HttpsAgent, request } from "node:https";
import { join } from "node:path";
import type { SecureVersion } from "node:tls";
import { agentBundle, agentNodeFlags } from "../../scripts/bundle-agent.ts";
import { type TestCertificate, TestCertificateAuthority } from "./certificates.ts";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait-for.ts";

export interface RunningAgent {
  amphoraId: string;
  port: number;
  folder: string;
  basePath: string;
  /** Client certificates: `stock` has no role, as Octavia's; the others carry one. */
  stock: TestCertificate;
  authority: TestCertificateAuthority;
  process: ChildProcess;
  logPath: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** SIGTERM, then waits for the exit. haproxy goes on. */
  stop(): Promise<number | null>;
  /** Starts a new process over the same folder, as a supervisor would. */
  restart(): Promise<void>;
  /** Ends the agent and every haproxy it left running. */
  destroy(): Promise<void>;
}

export interface CallOptions {
  body?: Buffer | string;
  headers?: Record<string, string>;
  client?: TestCertificate | null;
  agent?: HttpsAgent;
  /** Exactly this version; TLS 1.2 unless told, as Octavia's client. */
  tls?: SecureVersion;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  json(): unknown;
}

/** Starts the bundled agent with the `spawn` supervisor in `folder`; settings override single lines of its files. */
export async function startAgent(
  folder: string,
  settings: {
    octavia?: string;
    krater?: string;
    env?: Record<string, string>;
    nodeBinary?: string;
    nodeFlags?: readonly string[];
    heartbeats?: { controllers: string; heartbeatIntervalS: number };
  } = {},
): Promise<RunningAgent> {
  const amphoraId = randomUUID();
  const port = await freePort();
  const basePath = join(folder, "base");
  await mkdir(basePath, { recursive: true });
  const authority = await TestCertificateAuthority.create(join(folder, "ca"));
  const server = await authority.issue(amphoraId, [`DNS:${amphoraId}`], "server");
  const stock = await authority.issue("octavia", [], "client");
  await writeFile(join(folder, "server.pem"), server.certificatePem + server.keyPem, { mode: 0o600 });
  const octaviaConf = join(folder, "amphora-agent.conf");
  const kraterConf = join(folder, "krater.conf");
  await writeFile(
    octaviaConf,
    settings.octavia ??
      octaviaConfiguration({ folder, basePath, port, amphoraId, caPath: authority.caPath, ...settings.heartbeats }),
  );
  await writeFile(
    kraterConf,
    `[krater]\nsupervisor = spawn\nnetwork_namespace =\nrun_directory = ${join(folder, "run")}\n${settings.krater ?? ""}`,
  );

  const running: RunningAgent = {
    amphoraId,
    port,
    folder,
    basePath,
    stock,
    authority,
    logPath: join(folder, "agent.log"),
    process: launch(),
    call: (method, path, options = {}) =>
      callAgent({ amphoraId, port, ca: authority.caPath, client: stock }, method, path, options),
    stop: () => stopProcess(running.process),
    restart: async () => {
      await stopProcess(running.process);
      running.process = launch();
      await ready();
    },
    destroy: async () => {
      await stopProcess(running.process, "SIGKILL");
      await killHaproxies(folder);
    },
  };
  await ready().catch(async (error: unknown) => {
    await running.destroy();
    throw error;
  });
  return running;

  function launch(): ChildProcess {
    const child = spawn(
      settings.nodeBinary ?? process.execPath,
      [
        ...(settings.nodeFlags ?? agentNodeFlags),
        agentBundle,
        "--config-file",
        octaviaConf,
        "--config-file",
        kraterConf,
      ],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...settings.env } },
    );
    const log = createWriteStream(join(folder, "agent.log"), { flags: "a" });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    return child;
  }

  async function ready(): Promise<void> {
    await waitFor("the agent to answer", async () => {
      if (running.process.exitCode !== null) {
        throw new Error(`agent exited ${running.process.exitCode}: ${await readFile(running.logPath, "utf8")}`);
      }
      return (await running.call("GET", "/")).status === 200;
    });
  }
}

function octaviaConfiguration(values: {
  folder: string;
  basePath: string;
  port: number;
  amphoraId: string;
  caPath: string;
  controllers?: string;
  heartbeatIntervalS?: number;
}): string {
  return `[DEFAULT]
debug = False
use_syslog = True
syslog_log_facility = LOG_LOCAL1

[haproxy_amphora]
base_cert_dir = ${values.basePath}/certs
base_path = ${values.basePath}
bind_host = 127.0.0.1
bind_port = ${values.port}
haproxy_cmd = /usr/sbin/haproxy

[health_manager]
controller_ip_port_list = ${values.controllers ?? ""}
heartbeat_interval = ${values.heartbeatIntervalS ?? 10}
heartbeat_key = insecure-test-key

[amphora_agent]
agent_server_ca = ${values.caPath}
agent_server_cert = ${values.folder}/server.pem
amphora_id = ${values.amphoraId}
agent_tls_protocol = TLSv1.2

[controller_worker]
loadbalancer_topology = SINGLE
`;
}

/** One request as Octavia's client makes it: TLS 1.2, host name check against the amphora id, fresh connection. */
export async function callAgent(
  target: { amphoraId: string; port: number; ca: string; client: TestCertificate; host?: string },
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const client = options.client === undefined ? target.client : options.client;
  const ca = await readFile(target.ca);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: target.host ?? "127.0.0.1",
        port: target.port,
        method,
        path,
        ca,
        servername: "",
        checkServerIdentity: (_host, certificate) =>
          certificate.subject.CN === target.amphoraId
            ? undefined
            : new Error(`not the amphora: ${certificate.subject.CN}`),
        minVersion: options.tls ?? "TLSv1.2",
        maxVersion: options.tls ?? "TLSv1.2",
        agent: options.agent ?? false,
        timeout: 30_000,
        headers: {
          ...options.headers,
          ...(options.body === undefined ? {} : { "content-length": String(Buffer.byteLength(options.body)) }),
        },
        ...(client ? { cert: client.certificatePem, key: client.keyPem } : {}),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const body = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body,
            json: () => JSON.parse(body.toString("utf8")),
          });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 30 s")));
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

async function stopProcess(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  await waitFor("the agent to exit", () => child.exitCode !== null || child.signalCode !== null);
  return child.exitCode;
}

/** Every process whose command line names a file in `folder`: the haproxies of this test and nothing else. */
async function killHaproxies(folder: string): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes("haproxy") && commandLine.includes(`${folder}/`)) process.kill(Number(pid), "SIGKILL");
  }
}
