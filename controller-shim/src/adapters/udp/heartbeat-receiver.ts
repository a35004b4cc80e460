import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

/** Room for a burst of beats; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface HeartbeatReceiver {
  readonly port: number;
  close(): Promise<void>;
}

/** Hands every datagram to `receive`, with the address it came from. Rejects when the address cannot be bound. */
export function receiveHeartbeats(
  address: { host: string; port: number },
  receive: (datagram: Buffer, from: string) => void,
  onError: (error: Error) => void,
): Promise<HeartbeatReceiver> {
  const socket = createSocket({
    type: isIPv6(address.host) ? "udp6" : "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  socket.on("message", (datagram, remote) => receive(datagram, remote.address));
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(address.port, address.host, () => {
      socket.off("error", reject);
      socket.on("error", onError);
      resolve({
        port: socket.address().port,
        close: () => new Promise((closed) => socket.close(closed)),
      });
    });
  });
}
