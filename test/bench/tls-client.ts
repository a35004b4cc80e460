import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RunningAgent } from "../harness/agent.ts";

export interface TlsClient {
  /** True when somebody listens on the port. */
  canConnect(): Promise<boolean>;
  /** One request; the status. Without `agent` on a connection of its own, closed afterwards. */
  get(path: string, agent?: Agent): Promise<number>;
  /** TCP and TLS handshake, nothing more, then away. */
  handshake(): Promise<void>;
}

/** A client like Octavia's: TLS 1.2, client certificate, no session kept. Files are read once. */
export async function prepareClient(target: RunningAgent, port = target.port): Promise<TlsClient> {
  const tls = {
    host: "127.0.0.1",
    port,
    ca: await readFile(target.authority.caPath),
    cert: target.stock.certificatePem,
    key: target.stock.keyPem,
    // A check of one's own would keep node from reusing connections; the certificate's name is the amphora's id.
    servername: target.amphoraId,
    maxVersion: "TLSv1.2" as const,
  };
  return {
    canConnect: () =>
      new Promise((resolve) => {
        const socket = connectTcp(port, "127.0.0.1");
        socket.once("connect", () => {
          socket.destroy();
          resolve(true);
        });
        socket.once("error", () => resolve(false));
      }),
    get: (path, agent) =>
      new Promise((resolve, reject) => {
        const outgoing = request({ ...tls, path, agent: agent ?? false, timeout: 10_000 }, (incoming) => {
          incoming.resume();
          incoming.once("end", () => resolve(incoming.statusCode ?? 0));
        });
        outgoing.once("timeout", () => outgoing.destroy(new Error("no answer within 10 s")));
        outgoing.once("error", reject);
        outgoing.end();
      }),
    handshake: () =>
      new Promise((resolve, reject) => {
        const socket = connectTls(tls, () => {
          socket.destroy();
          resolve();
        });
        socket.once("error", reject);
      }),
  };
}

export function keptAlive(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}
