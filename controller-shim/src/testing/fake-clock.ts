import type { Clock } from "../core/clock.ts";

/** Time that moves only when the test says so, or, while `automatic`, jumps over every sleep at once. */
export class FakeClock implements Clock {
  automatic: boolean;
  #nowMs = Date.UTC(2026, 0, 31, 12);
  #sleepers: { untilMs: number; wake: () => void }[] = [];

  constructor(options: { automatic?: boolean } = {}) {
    this.automatic = options.automatic ?? false;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.untilMs > this.#nowMs);
    for (const sleeper of due) sleeper.wake();
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.automatic) {
      this.#nowMs += ms;
      await Promise.resolve();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        reject(signal.reason);
      });
    });
  }
}
