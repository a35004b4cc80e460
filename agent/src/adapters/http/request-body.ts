import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { AgentError } from "../../core/agent-error.ts";
import type { Holding } from "./memory-budget.ts";

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
const IN_PIECES_BYTES = 256 * 1024;

/** The length the client announced; undefined for chunked bodies. */
export function announcedLength(incoming: IncomingMessage): number | undefined {
  const text = incoming.headers["content-length"];
  if (text !== undefined) return Number(text);
  return incoming.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/**
 * Reads a body, hashing on the way. What is refused (over the limit, over the budget) is thrown away as it comes, so
 * that the client gets to read why; one that breaks off ends in `bad-request`. Only what has arrived is held: slow
 * bodies keep nobody out, and are the server's `requestTimeout`'s business.
 */
export function receiveBody(incoming: IncomingMessage, limitBytes: number, memory: Holding): Promise<ReceivedBody> {
  return new Promise((resolve, reject) => {
    const hash = createHash("md5");
    const announced = Math.min(announcedLength(incoming) ?? 0, limitBytes);
    let chunks: Buffer[] = [];
    let whole: Buffer | undefined;
    let size = 0;
    let refusal: unknown;
    let timer: NodeJS.Timeout | undefined;

    const finish = (settle: () => void) => {
      clearTimeout(timer);
      incoming.off("data", onData).off("end", onEnd).off("close", onBroken);
      settle();
    };
    /** Thousands of pieces of a large body would wait for the collector: once it is under way, one place for it. */
    const keep = (chunk: Buffer) => {
      if (!whole && size > IN_PIECES_BYTES && size <= announced) {
        whole = Buffer.allocUnsafeSlow(announced);
        Buffer.concat(chunks).copy(whole);
        chunks = [];
      }
      if (whole) chunk.copy(whole, size - chunk.length);
      else chunks.push(chunk);
    };
    const refuse = (error: unknown) => {
      refusal = error;
      chunks = [];
      whole = undefined;
      memory.release();
      timer = setTimeout(onEnd, DISCARDING_MS);
    };
    const onBroken = () => finish(() => reject(new AgentError("bad-request", "The body ended early.")));
    const onEnd = () =>
      finish(() => {
        if (refusal !== undefined) reject(refusal);
        else resolve({ content: whole ?? Buffer.concat(chunks), md5: hash.digest("hex") });
      });
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (refusal === undefined) {
        try {
          if (size > limitBytes) throw tooLarge(limitBytes);
          memory.grow(chunk.length);
          hash.update(chunk);
          keep(chunk);
        } catch (error) {
          refuse(error);
        }
      } else if (size > DISCARDED_BYTES) {
        onEnd();
      }
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

export function tooLarge(limitBytes: number): AgentError {
  return new AgentError("body-too-large", `The body is larger than ${limitBytes} bytes.`);
}
