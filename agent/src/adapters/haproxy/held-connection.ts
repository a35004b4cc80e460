import { connect } from "node:net";
import type { ConnectionWatch } from "../../core/services/processes.ts";

/** An interactive connection to the master's socket: the kernel closes it within a millisecond of the death. */
export class HeldConnections implements ConnectionWatch {
  hold(socketPath: string, onEnded: () => void): { release(): void } {
    const socket = connect({ path: socketPath });
    let released = false;
    socket.on("connect", () => void socket.write("prompt\n"));
    socket.on("data", () => undefined); // the prompt; reading lets the end arrive
    socket.on("error", () => undefined); // "close" follows
    socket.on("close", () => {
      if (!released) onEnded();
    });
    socket.unref();
    return {
      release: () => {
        released = true;
        socket.destroy();
      },
    };
  }
}
