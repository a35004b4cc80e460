import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";

/** Beyond this the file begins anew: what haproxy says in normal times is a line per server that goes up or down. */
export const MOST_OUTPUT_BYTES = 512 * 1024;

/** What an error carries of it. */
const MOST_WORDS_BYTES = 16 * 1024;

/** Where a daemon's stdout and stderr go: a file, since a pipe would end with the agent. Bounded by truncation. */
export class OutputFile {
  readonly #path: string;
  #mark = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** A descriptor for a child; the caller closes it. */
  openForChild(): number {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    return openSync(this.#path, "a", 0o600);
  }

  /** From here on is what `sinceMark` tells. */
  mark(): void {
    this.bound();
    this.#mark = this.#with((descriptor) => fstatSync(descriptor).size) ?? 0;
  }

  /** The daemon appends (O_APPEND), so it goes on at the new end. */
  bound(): void {
    this.#with((descriptor) => {
      if (fstatSync(descriptor).size <= MOST_OUTPUT_BYTES) return;
      ftruncateSync(descriptor, 0);
      this.#mark = 0;
    });
  }

  sinceMark(): string {
    const words = this.#with((descriptor) => {
      const { size } = fstatSync(descriptor);
      const start = Math.max(Math.min(this.#mark, size), size - MOST_WORDS_BYTES);
      const bytes = Buffer.alloc(size - start);
      const read = readSync(descriptor, bytes, 0, bytes.length, start);
      return bytes.subarray(0, read).toString("utf8");
    });
    return words ?? "";
  }

  #with<Result>(work: (descriptor: number) => Result): Result | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(this.#path, "r+");
    } catch {
      return undefined; // not there yet: nothing was said
    }
    try {
      return work(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
