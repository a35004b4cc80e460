import { connect } from "node:net";
import type { HaproxySockets } from "../../core/haproxy/haproxy-sockets.ts";

/** More than any answer we ask for: `show stat` of 50 listeners and 1,000 members is 0.35 MB. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

/** One command per connection. The write side is ended at once: the master's socket stays open otherwise. */
export class UnixHaproxySockets implements HaproxySockets {
  query(socketPath: string, command: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    if (options.signal?.aborted) return Promise.reject(options.signal.reason as Error);
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      socket.destroy(new Error(`${socketPath}: no answer within ${options.timeoutMs} ms`));
    }, options.timeoutMs);
    const abort = (): void => void socket.destroy(options.signal?.reason as Error);
    options.signal?.addEventListener("abort", abort, { once: true });
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > MOST_ANSWER_BYTES) socket.destroy(new Error(`${socketPath}: answer larger than 64 MiB`));
    });
    socket.on("end", () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      reject(new Error(`${socketPath}: closed before the answer was complete`));
    });
    socket.end(`${command}\n`);
    return promise;
  }
}
