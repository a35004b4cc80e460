import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RunningAgent } from "../harness/agent.ts";

export interface TlsClient {
  /** True when somebody listens on the port. */
  canConnect(): Promise<boolean>;
  /** One request; the status. Without `connection` on a connection of its own, closed afterwards. */
  get(path: string, connection?: Agent): Promise<number>;
  /** One request, which must be answered with 202. */
  put(path: string, body: string, connection?: Agent): Promise<void>;
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
  const ask = (method: string, path: string, body: string, agent: Agent | false): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      const headers = { "content-length": String(Buffer.byteLength(body)) };
      const outgoing = request({ ...tls, method, path, agent, headers, timeout: 30_000 }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        incoming.once("end", () => resolve([incoming.statusCode ?? 0, text]));
      });
      outgoing.once("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      outgoing.once("error", reject);
      outgoing.end(body);
    });
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
    get: async (path, connection) => (await ask("GET", path, "", connection ?? false))[0],
    put: async (path, body, connection) => {
      const [status, text] = await ask("PUT", path, body, connection ?? false);
      if (status !== 202) throw new Error(`PUT ${path}: ${status} ${text}`);
    },
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
