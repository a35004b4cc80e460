import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Caller, callerOf } from "../../core/access/roles.ts";
import { AgentError } from "../../core/agent-error.ts";
import type { Log } from "../../core/log.ts";
import type { Application } from "./app.ts";
import { limitHandshakes } from "./handshakes.ts";
import { refuseConnect, refuseMalformed, refuseRequest } from "./malformed-requests.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { OccasionalLog } from "./occasional-log.ts";
import { announcedLength, type ReceivedBody, receiveBody, tooLarge } from "./request-body.ts";
import { readRequestTarget } from "./request-target.ts";
import type { Answer } from "./routes.ts";
import type { ServerIdentity } from "./server-identity.ts";

export interface ServerOptions {
  host: string;
  port: number;
  /** `agent_tls_protocol`: the oldest version that is offered. */
  minVersion: "TLSv1.2" | "TLSv1.3";
  /** A request has so long to arrive, and then so long to be answered. */
  requestTimeoutMs: number;
  headersTimeoutMs?: number;
  /** How often Node looks for requests that arrive too slowly. */
  checkTimeoutsEveryMs?: number;
}

export interface RunningServer {
  address(): AddressInfo;
  /** Refuses new connections, ends the old ones, aborts what is being done. Resolves within about a second. */
  stop(): Promise<void>;
}

/** Beginning of the User-Agent of a stock controller (any release). */
const OCTAVIA_CLIENT = "Octavia HaProxy Rest Client";
const MAX_CONNECTIONS = 512;
/** Of those without a certificate yet: as many places are left for those with one. */
const MAX_HANDSHAKES = 256;
/** One of the largest configurations and some: while it is read, checked or sent, several times as much is in use. */
const MAX_LARGE_BYTES = 12 * 1024 * 1024;
const STOP_MS = 1_000;

/** HTTPS with mandatory client certificates, in front of the application. */
export async function startServer(
  app: Application,
  identity: ServerIdentity,
  options: ServerOptions,
  log: Log,
): Promise<RunningServer> {
  const callers = new WeakMap<object, Caller>();
  const inFlight = new Set<AbortController>();
  const budget = new MemoryBudget(MAX_LARGE_BYTES);
  const occasional = new OccasionalLog(log);

  const tls = () => ({ ...identity.tlsOptions(), minVersion: options.minVersion, maxVersion: "TLSv1.3" as const });
  const server: Server = createServer({
    ...tls(),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 20_000,
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: Math.min(options.headersTimeoutMs ?? 20_000, options.requestTimeoutMs),
    connectionsCheckingInterval: options.checkTimeoutsEveryMs ?? 5_000,
    keepAliveTimeout: 60_000,
    requireHostHeader: false, // Node would answer without a body; the original does not ask for one
    noDelay: true,
  });
  server.maxConnections = MAX_CONNECTIONS;

  const serve = (incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean) => {
    // A stock client pays 5 s for an idle connection that was closed under it: it never gets to keep one.
    if (String(incoming.headers["user-agent"] ?? "").startsWith(OCTAVIA_CLIENT)) outgoing.shouldKeepAlive = false;
    // Whoever waits for leave to send a body and gets an answer instead may still send it: nobody can tell.
    if (expectsContinue) outgoing.shouldKeepAlive = false;
    const target = readRequestTarget(incoming.url ?? "");
    if (!target.ok) return refuseRequest(incoming, outgoing, target.reason);
    if (!isHost(incoming.headers.host)) {
      return refuseRequest(incoming, outgoing, "The Host header is not a host.");
    }

    const deadline = new AbortController();
    inFlight.add(deadline);
    const timer = setTimeout(
      () => deadline.abort(new AgentError("busy", "The request took too long.")),
      options.requestTimeoutMs,
    ).unref();
    const memory = budget.hold();
    const begunMs = performance.now();
    outgoing.once("close", () => {
      clearTimeout(timer);
      inFlight.delete(deadline);
      memory.release();
      const { method = "" } = incoming;
      const tookMs = Math.round(performance.now() - begunMs);
      const fields = { event: "request.served", method, path: target.path, status: outgoing.statusCode, tookMs };
      if (method === "GET" || method === "HEAD") log.debug(fields, "request served");
      else log.info(fields, "request served");
    });

    const answer = app({
      method: incoming.method ?? "",
      path: target.path,
      query: target.query,
      header: (name) => incoming.headers[name]?.toString(),
      caller: callerOn(incoming.socket as TLSSocket),
      signal: deadline.signal,
      outgoing,
      holdMemory: (bytes) => memory.grow(bytes),
      readBody: async (limitBytes): Promise<ReceivedBody> => {
        const length = announcedLength(incoming);
        if (expectsContinue && (length ?? 0) <= limitBytes) outgoing.writeContinue();
        try {
          if (expectsContinue && (length ?? 0) > limitBytes) {
            throw tooLarge(limitBytes);
          }
          return await receiveBody(incoming, limitBytes, memory);
        } catch (error) {
          outgoing.shouldKeepAlive = false;
          throw error;
        }
      },
    });
    answer
      .then((each) => each && send(each, outgoing))
      .catch((error: unknown) => {
        log.error({ event: "request.failed", path: target.path, error }, "no answer could be given");
        outgoing.destroy(); // one request's trouble is not the agent's end
      });
  };

  server.on("request", (incoming, outgoing) => serve(incoming, outgoing, false));
  server.on("checkContinue", (incoming, outgoing) => serve(incoming, outgoing, true));
  server.on("checkExpectation", (incoming, outgoing) => {
    refuseRequest(incoming, outgoing, "The expectation cannot be met.");
  });
  server.on("connect", (_incoming, socket) => refuseConnect(socket));
  server.on("clientError", (error, socket) => refuseMalformed(error, socket));
  server.on("tlsClientError", (error, socket) => {
    // Node says ECONNRESET both for a certificate it refused and for a client that merely went (a port scan).
    const { code } = error as NodeJS.ErrnoException;
    const { authorizationError } = socket;
    const reason = authorizationError instanceof Error ? authorizationError.message : (authorizationError ?? code);
    if (reason === "ECONNRESET") return;
    occasional.warn({ event: "access.denied", remote: socket.remoteAddress, reason }, "no TLS session");
  });
  limitHandshakes(server, MAX_HANDSHAKES, (remote) => {
    occasional.warn({ event: "connection.refused", limit: MAX_HANDSHAKES, remote }, "too many TLS handshakes");
  });
  server.on("drop", () => {
    occasional.warn({ event: "connection.refused", limit: MAX_CONNECTIONS }, "too many connections");
  });

  identity.follow(() => server.setSecureContext(tls()));

  await listen(server, options);
  server.on("error", (error) => log.error({ event: "server.failed", reason: error.message }, "server error"));

  return {
    address: () => server.address() as AddressInfo,
    stop: async () => {
      identity.stop();
      const closed = once(server, "close");
      server.close();
      for (const deadline of inFlight) deadline.abort(new AgentError("busy", "The agent is stopping."));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), STOP_MS);
      await closed;
      clearTimeout(timer);
    },
  };

  /** Once for each connection: the certificate cannot change on the way. */
  function callerOn(socket: TLSSocket): Caller {
    const known = callers.get(socket);
    if (known) return known;
    const caller = callerOf(socket.getPeerX509Certificate()?.subjectAltName);
    callers.set(socket, caller);
    return caller;
  }
}

function send({ status, headers, body }: Answer, outgoing: ServerResponse): void {
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

/** An absent or empty Host is fine: the original asks for none. */
function isHost(host: string | undefined): boolean {
  return host === undefined || host === "" || URL.canParse(`https://${host}/`);
}

/** `::`, the default, takes IPv4 too; a kernel without IPv6 gets the IPv4 equivalent, as Node does by itself. */
async function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (host !== "::" || (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL")) throw error;
    server.listen({ host: "0.0.0.0", port });
    await once(server, "listening");
  }
}
