import { Agent, request } from "node:https";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentCallFailed, type AgentClient } from "../../core/drivers/agent-client.ts";
import type { AmphoraEndpoint } from "../../core/drivers/amphora-driver.ts";
import type { CertificateAuthority } from "../../core/drivers/certificate-authority.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 60_000;
const ANSWER_MAX_BYTES = 64 * 1024;
const CONFIGURATION_MAX_BYTES = 16 * 1024 * 1024;
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 100;

interface Call {
  method: "GET" | "PUT" | "DELETE";
  path: string;
  body?: string;
  /** Statuses that are an answer, not a refusal. */
  accept: readonly number[];
  answerMaxBytes?: number;
  /** Repeatable without effect: retried also when the connection broke after the request had been sent. */
  idempotent: boolean;
}

/** Octavia's amphora API over mutual TLS, one kept connection per amphora. Never trusts an address: the certificate counts. */
export class HttpsAgentClient implements AgentClient {
  readonly #authority: Pick<CertificateAuthority, "client" | "serverCaPem">;
  readonly #limits: { connectTimeoutMs: number; requestTimeoutMs: number };
  // `servername` is part of a connection's key, so no request meets the connection of another amphora.
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000, maxFreeSockets: 64, maxCachedSessions: 0 });

  constructor(
    authority: Pick<CertificateAuthority, "client" | "serverCaPem">,
    limits: { connectTimeoutMs?: number; requestTimeoutMs?: number } = {},
  ) {
    this.#authority = authority;
    this.#limits = { connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS, ...limits };
  }

  async info(amphora: AmphoraEndpoint, signal: AbortSignal): Promise<{ haproxyVersion: string }> {
    const answer = await this.#call(
      amphora,
      { method: "GET", path: "/1.0/info", accept: [200], idempotent: true },
      signal,
    );
    const version = field(answer.body, "haproxy_version");
    if (version === undefined || !/^\d+\.\d+/.test(version)) {
      throw new AgentCallFailed("GET /1.0/info: the answer names no haproxy version", undefined);
    }
    return { haproxyVersion: version };
  }

  async readConfiguration(amphora: AmphoraEndpoint, loadBalancerId: string, signal: AbortSignal) {
    const path = `/1.0/loadbalancer/${loadBalancerId}/haproxy`;
    const limits = { answerMaxBytes: CONFIGURATION_MAX_BYTES, idempotent: true };
    const answer = await this.#call(amphora, { method: "GET", path, accept: [200, 404], ...limits }, signal);
    return answer.status === 200 ? answer.body : undefined;
  }

  async uploadConfiguration(amphora: AmphoraEndpoint, loadBalancerId: string, text: string, signal: AbortSignal) {
    const path = `/1.0/loadbalancer/${amphora.amphoraId}/${loadBalancerId}/haproxy`;
    await this.#call(amphora, { method: "PUT", path, body: text, accept: [202], idempotent: true }, signal);
  }

  async act(
    amphora: AmphoraEndpoint,
    loadBalancerId: string,
    action: "start" | "stop" | "reload",
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/1.0/loadbalancer/${loadBalancerId}/${action}`;
    await this.#call(amphora, { method: "PUT", path, accept: [202], idempotent: false }, signal);
  }

  async deleteLoadBalancer(amphora: AmphoraEndpoint, loadBalancerId: string, signal: AbortSignal): Promise<void> {
    const path = `/1.0/listeners/${loadBalancerId}`;
    await this.#call(amphora, { method: "DELETE", path, accept: [200], idempotent: true }, signal);
  }

  async replaceCertificate(amphora: AmphoraEndpoint, pem: string, signal: AbortSignal): Promise<void> {
    const call = { method: "PUT", path: "/1.0/certificate", body: pem, accept: [202], idempotent: true } as const;
    await this.#call(amphora, call, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #call(amphora: AmphoraEndpoint, call: Call, signal: AbortSignal): Promise<Answer> {
    const name = `${call.method} ${call.path}`;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const answer = await this.#once(amphora, call, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        const broken = error instanceof Unreachable ? error : new Unreachable(String(error), false);
        if (tries < TRIES_MAX && broken.mayTryAgain(call.idempotent)) return undefined;
        throw new AgentCallFailed(`${name}: ${broken.message}`, undefined, { cause: error });
      });
      if (answer === undefined) {
        await sleep(RETRY_PAUSE_MS, undefined, { signal });
        continue;
      }
      if (call.accept.includes(answer.status)) return answer;
      throw new AgentCallFailed(`${name}: ${answer.status}: ${wordsOf(answer.body)}`, answer.status);
    }
  }

  #once(amphora: AmphoraEndpoint, call: Call, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let connected = false;
      const outgoing = request({
        host: amphora.address,
        port: amphora.port,
        method: call.method,
        path: call.path,
        agent: this.#agent,
        // Checked against CN and SAN of the certificate: an amphora is its id, whatever its address.
        servername: amphora.amphoraId,
        ca: this.#authority.serverCaPem,
        cert: this.#authority.client.certificatePem,
        key: this.#authority.client.privateKeyPem,
        minVersion: "TLSv1.2",
        headers: {
          host: `${isIPv6(amphora.address) ? `[${amphora.address}]` : amphora.address}:${amphora.port}`,
          "user-agent": "krater-controller",
          ...(call.method === "PUT" ? { "content-length": Buffer.byteLength(call.body ?? "") } : {}),
        },
        signal,
      });
      const fail = (error: Error & { code?: string }): void => {
        clearTimeout(connecting);
        clearTimeout(answering);
        reject(new Unreachable(error.message || error.code || "the connection broke", !connected));
      };
      const connecting = setTimeout(() => {
        if (!connected) outgoing.destroy(new Error(`no connection within ${this.#limits.connectTimeoutMs} ms`));
      }, this.#limits.connectTimeoutMs);
      const answering = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${this.#limits.requestTimeoutMs} ms`)),
        this.#limits.requestTimeoutMs,
      );
      outgoing.on("socket", (socket) => {
        if (outgoing.reusedSocket) connected = true;
        else socket.once("secureConnect", () => (connected = true));
      });
      outgoing.on("error", fail);
      outgoing.on("response", (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > (call.answerMaxBytes ?? ANSWER_MAX_BYTES)) outgoing.destroy(new Error("the answer is too large"));
          else chunks.push(chunk);
        });
        incoming.on("error", fail);
        incoming.on("close", () => {
          if (!incoming.complete) return fail(new Error("the connection broke before the whole answer had come"));
          clearTimeout(connecting);
          clearTimeout(answering);
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
        });
      });
      outgoing.end(call.body);
    });
  }
}

interface Answer {
  status: number;
  body: string;
}

class Unreachable extends Error {
  readonly #beforeSending: boolean;

  constructor(message: string, beforeSending: boolean) {
    super(message);
    this.#beforeSending = beforeSending;
  }

  mayTryAgain(idempotent: boolean): boolean {
    return idempotent || this.#beforeSending;
  }
}

/** `message` and `details` of the agent, or `error` of its framework shape: haproxy's own words are among them. */
function wordsOf(body: string): string {
  const words = [field(body, "message"), field(body, "details"), field(body, "error")].filter((each) => each);
  return words.length > 0 ? words.join(": ") : body.slice(0, 200);
}

function field(body: string, name: string): string | undefined {
  try {
    const value: unknown = (JSON.parse(body) as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
