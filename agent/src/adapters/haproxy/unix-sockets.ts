import { connect } from "node:net";
import type { Conversation, HaproxyConversations, HaproxySockets } from "../../core/haproxy/haproxy-sockets.ts";

/** More than any answer we ask for: `show stat` of 50 listeners and 1,000 members is 0.35 MB. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

/** What ends each answer in interactive mode (management guide, 9.3). */
const PROMPT = "\n> ";
const CONNECT_TIMEOUT_MS = 1_000;

/** One command per connection. The write side is ended at once: the master's socket stays open otherwise. */
export class UnixHaproxySockets implements HaproxySockets, HaproxyConversations {
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

  async converse(socketPath: string): Promise<Conversation> {
    const socket = connect({ path: socketPath });
    let waiting: { resolve(answer: string): void; reject(error: Error): void } | undefined;
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      answer += chunk;
      if (!answer.endsWith(PROMPT) && answer.length < MOST_ANSWER_BYTES) return;
      waiting?.resolve(answer.slice(0, -PROMPT.length));
      answer = "";
    });
    let end = new Error(`${socketPath}: closed`);
    socket.on("error", (error) => {
      end = error;
    });
    socket.on("close", () => waiting?.reject(end));
    const ask = async (command: string, { timeoutMs }: { timeoutMs: number }): Promise<string> => {
      if (socket.closed) throw end;
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      waiting = { resolve, reject };
      const timer = setTimeout(() => reject(new Error(`${socketPath}: no answer within ${timeoutMs} ms`)), timeoutMs);
      socket.write(`${command}\n`);
      return promise.finally(() => clearTimeout(timer));
    };
    try {
      await ask("prompt", { timeoutMs: CONNECT_TIMEOUT_MS });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return { ask, hasEnded: () => socket.closed || socket.readableEnded, close: () => void socket.destroy() };
  }
}
