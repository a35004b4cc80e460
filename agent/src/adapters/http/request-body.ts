import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { AgentError } from "../../core/agent-error.ts";

export interface ReceivedBody {
  content: Buffer;
  /** Lower-case hex, as `ETag` and Octavia's md5 checks want it. */
  md5: string;
}

/** What each kind of body may have at most. Octavia's largest configuration (50 listeners, 1,000 members) has 0.5 MB. */
export const bodyLimits = {
  configuration: 8 * 1024 * 1024,
  pem: 1024 * 1024,
  agentConfiguration: 1024 * 1024,
} as const;

/** How much of an oversized body is read and thrown away, so that the client gets to read its answer. */
const DISCARDED_BYTES = 64 * 1024 * 1024;
const DISCARDING_MS = 2_000;

/** All bodies in memory together. Past it a request is told to come again, whatever its own size. */
export class BodyBudget {
  readonly #capacity: number;
  #taken = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  take(bytes: number): () => void {
    if (this.#taken + bytes > this.#capacity) throw new AgentError("busy", "Too many uploads at the same time.");
    this.#taken += bytes;
    let released = false;
    return () => {
      if (!released) this.#taken -= bytes;
      released = true;
    };
  }
}

/** The length the client announced; undefined for chunked bodies. */
export function announcedLength(incoming: IncomingMessage): number | undefined {
  const text = incoming.headers["content-length"];
  if (text !== undefined) return Number(text);
  return incoming.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/**
 * Reads a body, hashing on the way. A body over the limit is thrown away as it comes and ends in `body-too-large`;
 * one that breaks off in `bad-request`. Slow bodies are the server's `requestTimeout`'s business.
 */
export function receiveBody(incoming: IncomingMessage, limitBytes: number): Promise<ReceivedBody> {
  return new Promise((resolve, reject) => {
    const hash = createHash("md5");
    let chunks: Buffer[] = [];
    let size = 0;
    let timer: NodeJS.Timeout | undefined;

    const finish = (settle: () => void) => {
      clearTimeout(timer);
      incoming.off("data", onData).off("end", onEnd).off("close", onBroken);
      settle();
    };
    const tooLarge = () =>
      finish(() => reject(new AgentError("body-too-large", `The body is larger than ${limitBytes} bytes.`)));
    const onBroken = () => finish(() => reject(new AgentError("bad-request", "The body ended early.")));
    const onEnd = () => {
      if (size > limitBytes) return tooLarge();
      finish(() => resolve({ content: Buffer.concat(chunks), md5: hash.digest("hex") }));
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) {
        hash.update(chunk);
        chunks.push(chunk);
        return;
      }
      chunks = [];
      timer ??= setTimeout(tooLarge, DISCARDING_MS);
      if (size > DISCARDED_BYTES) tooLarge();
    };
    // "error" always has a listener: a socket that breaks after the answer must not end the process.
    incoming
      .on("error", () => {})
      .on("data", onData)
      .on("end", onEnd)
      .on("close", onBroken);
    if (incoming.destroyed) onBroken();
  });
}
