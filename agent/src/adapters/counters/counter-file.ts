import { close, open, rename, write } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { CounterStore } from "../../core/heartbeat/counters.ts";

/** A thousand listeners are 100 kB; what is larger than this was not written by an agent. */
const MAX_BYTES = 4 * 1024 * 1024;
const MODE = 0o640;

/**
 * `<base path>/stats_counters.json`: where a stock agent keeps its counters, and finds ours. Four plain system calls, as
 * each beat of a busy load balancer makes them: file handles, random names and fsync would double their cost.
 */
export class CounterFile implements CounterStore {
  readonly #basePath: string;

  constructor(basePath: string) {
    this.#basePath = basePath;
  }

  async read(): Promise<string | undefined> {
    const path = this.#path();
    try {
      const { size } = await stat(path);
      return size > MAX_BYTES ? undefined : await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Whole or not at all: the new file gets its name when its bytes are in it. */
  write(text: string): Promise<void> {
    const path = this.#path();
    const temporary = `${path}.new`;
    const bytes = Buffer.from(text);
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void => (error ? reject(error) : resolve());
      open(temporary, "w", MODE, (openError, file) => {
        if (openError) return done(openError);
        write(file, bytes, 0, bytes.length, 0, (writeError, written) => {
          close(file, (closeError) => {
            if (writeError ?? closeError) return done(writeError ?? closeError ?? null);
            // A full disk may take a part of it.
            if (written < bytes.length)
              return done(new Error(`${temporary}: wrote ${written} of ${bytes.length} bytes`));
            rename(temporary, path, done);
          });
        });
      });
    });
  }

  #path(): string {
    return `${this.#basePath}/stats_counters.json`;
  }
}
