import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { faultBody } from "./faults.ts";

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECTIONS_MAX = 1_000;
/** How long running requests may take to end once we stop. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface ServedApi {
  port: number;
  close(): Promise<void>;
}

interface FetchApp {
  fetch(request: Request, env: object): Response | Promise<Response>;
}

/** Listens; what Node would answer by itself, in text, is answered as a fault like everything else. */
export async function serveApi(app: FetchApp, where: { host: string; port: number }): Promise<ServedApi> {
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
    hostname: "localhost", // of an HTTP/1.0 request without one
    errorHandler: () => new Response(JSON.stringify(faultBody(400, "The request is malformed.")), malformed),
  });
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, requireHostHeader: false },
    (request, response) => void listener(request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.on("clientError", answerMalformed);
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify(faultBody(417, "Only 100-continue can be expected."));
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    response.writeHead(417, { ...headers, connection: "close" }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where.port, where.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(force);
    },
  };
}

const malformed = { status: 400, headers: { "content-type": "application/json" } };

const statusByCode: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusByCode[error.code ?? ""] ?? 400;
  const body = JSON.stringify(faultBody(status, `The request is malformed (${STATUS_CODES[status]}).`));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
