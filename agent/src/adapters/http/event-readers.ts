import type { ServerResponse } from "node:http";
import type { EventData, EventGone } from "../../contract/krater.ts";
import { AgentError } from "../../core/agent-error.ts";
import type { EventStream, StreamItem } from "../../core/events/event-stream.ts";

export interface EventReaderLimits {
  readers: number;
  /** A comment this often tells both ends that the other is there. */
  keepAliveMs: number;
  /** A reader that takes nothing for so long is cut off; it may come back with its last id. */
  drainMs: number;
}

const usualLimits: EventReaderLimits = { readers: 16, keepAliveMs: 15_000, drainMs: 10_000 };

/**
 * Server-sent events (WHATWG HTML, 9.2). Each reader is a position in the event stream: nothing is queued for it here
 * beyond what its socket takes. Events it was too slow for arrive as one `event-gone`.
 */
export class EventReaders {
  readonly #stream: EventStream;
  readonly #limits: EventReaderLimits;
  readonly #readers = new Set<AbortController>();

  constructor(stream: EventStream, limits: Partial<EventReaderLimits> = {}) {
    this.#stream = stream;
    this.#limits = { ...usualLimits, ...limits };
  }

  /** Takes the response over until the reader goes or `stop` is called. Throws `busy` when there are too many. */
  attach(outgoing: ServerResponse, since: { runId?: string; sequence: number } | undefined): void {
    if (this.#readers.size >= this.#limits.readers) throw new AgentError("busy", "Too many event readers.");
    const reader = new AbortController();
    this.#readers.add(reader);
    const keepAlive = setInterval(() => {
      if (!outgoing.writableNeedDrain) outgoing.write(":\n\n");
    }, this.#limits.keepAliveMs);
    outgoing.once("close", () => {
      clearInterval(keepAlive);
      this.#readers.delete(reader);
      reader.abort();
    });
    outgoing.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    outgoing.write(": events of this amphora, resumable by Last-Event-ID\n\n");
    void this.#pump(outgoing, this.#position(since), reader.signal);
  }

  /** Ends every reader: they reconnect and go on where they were. */
  stop(): void {
    for (const reader of this.#readers) reader.abort();
  }

  #position(since: { runId?: string; sequence: number } | undefined): number {
    if (!since) return this.#stream.newest;
    const sameRun = since.runId === undefined || since.runId === this.#stream.runId;
    // A position no run reaches: the stream answers with a gap and begins with the oldest event it has.
    return sameRun ? since.sequence : Number.MAX_SAFE_INTEGER;
  }

  async #pump(outgoing: ServerResponse, position: number, signal: AbortSignal): Promise<void> {
    for await (const item of this.#stream.follow(position, signal)) {
      if (outgoing.write(this.#frame(item))) continue;
      if (!(await drained(outgoing, this.#limits.drainMs))) {
        outgoing.destroy();
        return;
      }
    }
    outgoing.end();
  }

  #frame(item: StreamItem): string {
    if (item.kind === "gap") {
      return `event: event-gone\ndata: ${JSON.stringify({ missed: item.missed } satisfies EventGone)}\n\n`;
    }
    const { sequence, name, atMs, data } = item.event;
    const body: EventData = { atMs, data: { ...data } };
    return `id: ${this.#stream.runId}:${sequence}\nevent: ${name}\ndata: ${JSON.stringify(body)}\n\n`;
  }
}

function drained(outgoing: ServerResponse, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (took: boolean) => {
      clearTimeout(timer);
      outgoing.off("drain", onDrain).off("close", onClose);
      resolve(took);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(onClose, withinMs);
    outgoing.on("drain", onDrain).on("close", onClose);
  });
}
