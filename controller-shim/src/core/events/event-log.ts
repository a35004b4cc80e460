import type { Clock } from "../clock.ts";
import type { ShimEvent, ShimEventLog } from "./shim-events.ts";

/** A bounded ring: a slow reader misses the oldest and sees it by the gap in `sequence`. */
export class BoundedEventLog implements ShimEventLog {
  readonly #clock: Clock;
  readonly #capacity: number;
  #events: ShimEvent[] = [];
  #sequence = 0;

  constructor(clock: Clock, capacity = 1_000) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  publish(event: Omit<ShimEvent, "sequence" | "atMs">): void {
    this.#sequence += 1;
    this.#events.push({ sequence: this.#sequence, atMs: this.#clock.nowMs(), ...event });
    // Trimmed in halves: an array shift for every event would move the whole ring.
    if (this.#events.length >= 2 * this.#capacity) this.#events = this.#events.slice(-this.#capacity);
  }

  since(sequence: number): ShimEvent[] {
    return this.#events.slice(-this.#capacity).filter((event) => event.sequence > sequence);
  }
}
