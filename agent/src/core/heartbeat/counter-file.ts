import type { Files } from "../system/files.ts";
import type { CounterStore } from "./counters.ts";

/** A thousand listeners are 100 kB; what is larger than this was not written by an agent. */
const MAX_BYTES = 4 * 1024 * 1024;

/** `<base path>/stats_counters.json`, 0640: where a stock agent keeps its counters, and finds ours. */
export class CounterFile implements CounterStore {
  readonly #files: Files;
  readonly #basePath: () => string;

  constructor(files: Files, basePath: () => string) {
    this.#files = files;
    this.#basePath = basePath;
  }

  async read(): Promise<string | undefined> {
    const content = await this.#files.read(this.#path());
    return content && content.length <= MAX_BYTES ? content.toString("utf8") : undefined;
  }

  write(text: string): Promise<void> {
    return this.#files.write(this.#path(), text, { mode: 0o640, durable: false });
  }

  #path(): string {
    return `${this.#basePath()}/stats_counters.json`;
  }
}
