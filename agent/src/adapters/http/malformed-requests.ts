import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { badRequest, methodNotAllowed } from "./problem-bodies.ts";

/**
 * What never becomes a request is answered here. Node itself would say 431, 408, 417 or nothing at all, which a stock
 * controller reads as success or as a reason to try again for ten minutes.
 */

/** A request that Node has parsed and that cannot be routed: an answer, then the connection ends. */
export function refuseRequest(incoming: IncomingMessage, outgoing: ServerResponse, reason: string): void {
  const body = JSON.stringify(badRequest(reason));
  outgoing.shouldKeepAlive = false;
  outgoing.writeHead(400, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  outgoing.end(incoming.method === "HEAD" ? undefined : body);
}

/** Bytes that are no request, or one that is too slow or has too long headers (`clientError`). */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable || answerHasBegun(socket)) {
    socket.destroy();
    return;
  }
  socket.end(rawAnswer(400, "Bad Request", JSON.stringify(badRequest(reasonFor(error.code ?? "")))));
  // Whoever keeps sending does not keep the socket.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

/** `CONNECT` asks for a tunnel; there is none. */
export function refuseConnect(socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  socket.end(rawAnswer(405, "Method Not Allowed", JSON.stringify(methodNotAllowed())));
}

function reasonFor(code: string): string {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return "The headers are too long.";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "The request took too long to arrive.";
    default:
      return "The request could not be understood.";
  }
}

function rawAnswer(status: number, reason: string, body: string): string {
  return [
    `HTTP/1.1 ${status} ${reason}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

/** Node keeps the response being written on the socket (documentation of `clientError`). */
function answerHasBegun(socket: Duplex): boolean {
  const { _httpMessage } = socket as Duplex & { _httpMessage?: { headersSent?: boolean } };
  return _httpMessage?.headersSent === true;
}
