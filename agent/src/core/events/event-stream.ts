import type { Clock } from "../clock.ts";
import type { AgentEvent, AgentEventName, AgentEvents, EventSink } from "./agent-events.ts";

/**
 * What a reader gets: an event, or word that events it asked for are no longer kept (`missed` of them, null when
 * nobody can tell).
 */
export type StreamItem = { kind: "event"; event: AgentEvent } | { kind: "gap"; missed: number | null };

/**
 * Every event of the agent, once, in order, the newest `capacity` of them kept. Readers hold a position and nothing
 * else, so a slow one costs no memory: when its position has been overwritten it is told of the gap and goes on with
 * the oldest event there is.
 */
export class EventStream implements EventSink {
  /** Names this run of the agent: sequences start again with every start. */
  readonly runId: string;
  readonly #clock: Clock;
  readonly #ring: AgentEvent[] = [];
  readonly #capacity: number;
  #newest = 0;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock, capacity = 1024) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.runId = clock.nowMs().toString(36);
  }

  /** Sequence of the last event, 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  publish<Name extends AgentEventName>(name: Name, data: AgentEvents[Name]): void {
    const sequence = ++this.#newest;
    this.#ring.push({ sequence, atMs: this.#clock.nowMs(), name, data } as AgentEvent);
    if (this.#ring.length > this.#capacity) this.#ring.shift();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** How many events a reader can still ask for, and at most. */
  kept(): { kept: number; capacity: number } {
    return { kept: this.#ring.length, capacity: this.#capacity };
  }

  /** Events after sequence `since`, then live ones, until the signal aborts. */
  async *follow(since: number, signal: AbortSignal): AsyncGenerator<StreamItem, void, undefined> {
    let position = Math.max(0, since);
    while (!signal.aborted) {
      const oldest = this.#newest - this.#ring.length + 1;
      if (position > this.#newest) {
        // A position from the future: the reader followed another run of the agent.
        yield { kind: "gap", missed: null };
        position = oldest - 1;
      } else if (position + 1 < oldest) {
        yield { kind: "gap", missed: oldest - 1 - position };
        position = oldest - 1;
      } else if (position < this.#newest) {
        const event = this.#ring[position + 1 - oldest];
        if (event) yield { kind: "event", event };
        position += 1;
      } else {
        await this.#next(signal);
      }
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#waiting = this.#waiting.filter((other) => other !== wake);
        resolve();
      };
      this.#waiting.push(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
