import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";

/** As much as waits for a reader that has stopped reading (a journal under load); what exceeds it is dropped. */
const MOST_WAITING_BYTES = 256 * 1024;

/** Where lines go. Never waits for whoever reads them: an agent must not stop because its log does. */
export interface LogOutput {
  write(line: string): void;
}

export function logOutput(fd: number): LogOutput {
  const kind = fstatSync(fd);
  return kind.isFIFO() || kind.isSocket() ? pipeOutput(fd) : fileOutput(fd);
}

function pipeOutput(fd: number): LogOutput {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.unref();
  socket.on("error", () => {}); // nobody reads any more
  let dropped = 0;
  return {
    write: (line) => {
      if (socket.writableLength + line.length > MOST_WAITING_BYTES) {
        dropped++;
        return;
      }
      // Goes out before this returns, unless something waits already.
      socket.write(dropped === 0 ? line : droppedLine(dropped) + line);
      dropped = 0;
    },
  };
}

function fileOutput(fd: number): LogOutput {
  return {
    write: (line) => {
      try {
        writeSync(fd, line);
      } catch {
        // A full disk costs the line, not the agent.
      }
    },
  };
}

function droppedLine(count: number): string {
  const fields = { level: "warn", time: new Date().toISOString(), event: "log.dropped", count };
  return `${JSON.stringify({ ...fields, msg: "nobody read the log: lines are missing here" })}\n`;
}
