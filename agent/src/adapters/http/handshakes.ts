import type { Server } from "node:https";
import type { Socket } from "node:net";

/**
 * Connections whose client has shown no certificate yet. Anybody can open those, and keep silent: one too many costs
 * the oldest its place, so that they never fill the server up. A controller's handshake takes milliseconds.
 */
export function limitHandshakes(server: Server, limit: number, onPushedOut: (remote: string | undefined) => void) {
  const pending = new Map<string, Socket>();
  server.on("connection", (connection) => {
    const socket = connection as Socket;
    const name = nameOf(socket);
    const { remoteAddress } = socket;
    pending.set(name, socket);
    socket.once("close", () => {
      if (pending.get(name) === socket) pending.delete(name);
    });
    const [oldest] = pending;
    if (pending.size <= limit || !oldest) return;
    pending.delete(oldest[0]);
    oldest[1].destroy();
    onPushedOut(remoteAddress);
  });
  server.on("secureConnection", (socket) => pending.delete(nameOf(socket)));
}

/** The TLS socket is another object than the connection it runs over; their ends are the same. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
