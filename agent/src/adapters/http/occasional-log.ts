import type { Log, LogFields } from "../../core/log.ts";

const LINES = 20;
const IN_MS = 10_000;

/**
 * Warnings that anybody on the network can cause: so many in ten seconds, and then how many there were besides, so
 * that nobody fills the disk with them.
 */
export class OccasionalLog {
  readonly #log: Pick<Log, "warn">;
  readonly #nowMs: () => number;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #untold = 0;

  constructor(log: Pick<Log, "warn">, nowMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  warn(fields: LogFields, message: string): void {
    const now = this.#nowMs();
    if (now - this.#sinceMs >= IN_MS) {
      this.#sinceMs = now;
      this.#lines = 0;
    }
    if (this.#lines >= LINES) {
      this.#untold++;
      return;
    }
    this.#lines++;
    this.#log.warn(this.#untold === 0 ? fields : { ...fields, untold: this.#untold }, message);
    this.#untold = 0;
  }
}
