import { AgentError } from "../../core/agent-error.ts";

/** What one request holds of the budget. */
export interface Holding {
  /** Throws `busy` when there is not so much left; then it holds what it held. */
  grow(bytes: number): void;
  release(): void;
}

/** Memory of all bodies and long answers together. Past it a request is told to come again, whatever its own size. */
export class MemoryBudget {
  readonly #capacity: number;
  #taken = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  hold(): Holding {
    let held = 0;
    return {
      grow: (bytes) => {
        if (this.#taken + bytes > this.#capacity) {
          throw new AgentError("busy", "Too many large requests at the same time.");
        }
        this.#taken += bytes;
        held += bytes;
      },
      release: () => {
        this.#taken -= held;
        held = 0;
      },
    };
  }
}
