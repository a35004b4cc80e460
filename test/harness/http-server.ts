import { randomUUID } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../../agent/src/adapters/clock/system-clock.ts";
import { DiskFiles } from "../../agent/src/adapters/disk/disk-files.ts";
import { buildApp } from "../../agent/src/adapters/http/app.ts";
import { type EventReaderLimits, EventReaders } from "../../agent/src/adapters/http/event-readers.ts";
import { kraterRoutes } from "../../agent/src/adapters/http/krater-routes.ts";
import { octaviaRoutes } from "../../agent/src/adapters/http/octavia-routes.ts";
import { type ServerOptions, startServer } from "../../agent/src/adapters/http/server.ts";
import { ServerIdentity } from "../../agent/src/adapters/http/server-identity.ts";
import { EventStream } from "../../agent/src/core/events/event-stream.ts";
import type { Certificates, LoadBalancers } from "../../agent/src/core/haproxy/load-balancers.ts";
import { KeyedLock } from "../../agent/src/core/keyed-lock.ts";
import { FakeLog } from "../../agent/src/testing/fake-log.ts";
import { type Answer, type CallOptions, callAgent } from "./agent.ts";
import { type TestCertificate, TestCertificateAuthority } from "./certificates.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export interface TestServer {
  amphoraId: string;
  port: number;
  folder: string;
  certificatePath: string;
  /** Its clients' authority, in a file of its own: tests change it. */
  caPath: string;
  authority: TestCertificateAuthority;
  /** As stock Octavia's: no role. */
  stock: TestCertificate;
  reader: TestCertificate;
  log: FakeLog;
  events: EventStream;
  identity: ServerIdentity;
  /** What was stored, by load balancer id. */
  stored: Map<string, Buffer>;
  /** Called in every change before it is made: tests hold changes up here. */
  beforeChange: (loadBalancerId: string, what: string) => Promise<void>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  server?: Partial<ServerOptions>;
  readers?: Partial<EventReaderLimits>;
}

const amphoraId = randomUUID();
let credentials: ReturnType<typeof createCredentials> | undefined;

/** Once for each file of tests, in memory: RSA keys take their time. */
async function createCredentials() {
  const folder = await mkdtemp(join(tmpdir(), "kt-"));
  try {
    const authority = await TestCertificateAuthority.create(folder);
    const [server, stock, reader] = await Promise.all([
      authority.issue(amphoraId, [`DNS:${amphoraId}`], "server"),
      authority.issue("octavia", [], "client"),
      authority.issue("reader", ["URI:urn:krater:role:reader"], "reader"),
    ]);
    const [ca, caKey] = await Promise.all(["ca.pem", "ca.key"].map((name) => readFile(join(folder, name))));
    if (!ca || !caKey) throw new Error("no certificate authority");
    return { ca, caKey, server, stock, reader };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A server that stops with the test. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await createTestServer(await temporaryDirectory(), options);
  onTestFinished(() => server.stop());
  return server;
}

/** The agent's HTTPS server as it is, in front of load balancers that live in memory. */
export async function createTestServer(folder: string, options: TestServerOptions = {}): Promise<TestServer> {
  credentials ??= createCredentials();
  const { ca, caKey, server, stock, reader } = await credentials;
  const authority = TestCertificateAuthority.open(join(folder, "ca"));
  await mkdir(authority.folder, { recursive: true });
  await writeFile(join(authority.folder, "ca.pem"), ca);
  await writeFile(join(authority.folder, "ca.key"), caKey);
  const certificatePath = join(folder, "server.pem");
  const caPath = join(folder, "client_ca.pem");
  await writeFile(certificatePath, server.certificatePem + server.keyPem, { mode: 0o600 });
  await copyFile(authority.caPath, caPath);

  const log = new FakeLog();
  const events = new EventStream(systemClock);
  const files = new DiskFiles();
  const identity = await ServerIdentity.load({
    paths: { certificate: certificatePath, ca: caPath },
    files,
    events,
    log,
  });
  const stored = new Map<string, Buffer>();
  // One change after the other, as both ports promise.
  const lock = new KeyedLock();
  const change = (id: string, what: string) => running.beforeChange(id, what);
  const loadBalancers: LoadBalancers = {
    upload: ({ loadBalancerId, configuration }, signal) =>
      lock.hold(loadBalancerId, signal, async () => {
        await change(loadBalancerId, "upload");
        stored.set(loadBalancerId, configuration);
      }),
    read: async (id) => stored.get(id),
    act: (id, action, signal) =>
      lock.hold(id, signal, async () => {
        await change(id, action);
        return { effective: action };
      }),
    delete: (id, signal) =>
      lock.hold(id, signal, async () => {
        await change(id, "delete");
        stored.delete(id);
      }),
    listeners: async () => [],
    observe: async () => [],
  };
  const certificates: Certificates = {
    write: (id, name, content, signal) => lock.hold(id, signal, async () => void stored.set(`${id}/${name}`, content)),
    md5: async () => undefined,
    delete: async () => undefined,
  };
  const versions = {
    hostname: "amphora",
    haproxy_version: "2.6.12-1",
    keepalived_version: "2.2.7",
    ipvsadm_version: "1.31",
  };
  const readers = new EventReaders(events, options.readers);
  const app = buildApp(
    [
      ...octaviaRoutes({
        loadBalancers,
        certificates,
        system: {
          info: async () => versions,
          details: () => Promise.reject(new Error("not here")),
        },
        configuration: { replaceFirst: async (content) => void stored.set("config", content) },
        serverCertificate: identity,
      }),
      ...kraterRoutes({
        status: () => Promise.reject(new Error("not here")),
        metrics: { render: async () => "" },
        events: readers,
        openapi: {},
      }),
    ],
    log,
  );
  const http = await startServer(
    app,
    identity,
    { host: "127.0.0.1", port: 0, minVersion: "TLSv1.2", requestTimeoutMs: 30_000, ...options.server },
    log,
  );
  let stopped: Promise<void> | undefined;
  const stop = () => {
    readers.stop();
    stopped ??= http.stop();
    return stopped;
  };
  const { port } = http.address();
  const running: TestServer = {
    amphoraId,
    port,
    folder,
    certificatePath,
    caPath,
    authority,
    stock,
    reader,
    log,
    events,
    identity,
    stored,
    beforeChange: async () => {},
    call: (method, path, callOptions = {}) =>
      callAgent({ amphoraId, port, ca: authority.caPath, client: stock }, method, path, callOptions),
    stop,
  };
  return running;
}

/**
 * Requests over one connection that is kept. Without a check of the server's identity: Node does not keep connections
 * of a client that brings its own `checkServerIdentity`.
 */
export function keptConnection(server: TestServer) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return (method: string, path: string): Promise<{ status: number; connection: string | undefined; reused: boolean }> =>
    new Promise((resolve, reject) => {
      const { certificatePem: cert, keyPem: key } = server.stock;
      const options = {
        host: "127.0.0.1",
        port: server.port,
        cert,
        key,
        rejectUnauthorized: false,
        agent,
        method,
        path,
      };
      const outgoing = request(options, (incoming) => {
        incoming.resume();
        incoming.on("end", () => {
          const { statusCode = 0, headers } = incoming;
          resolve({ status: statusCode, connection: headers.connection, reused: outgoing.reusedSocket });
        });
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
}
