import { readFileSync } from "node:fs";
import { hardLimit, type OpenFilesLimit, WANTED_OPEN_FILES } from "../../core/services/open-files.ts";
import type { Programs } from "../../core/system/programs.ts";

/** Raises the limit of open files of what is spawned, where the kernel lets us (CAP_SYS_RESOURCE; prlimit(1)). */
export class SpawnedOpenFiles implements OpenFilesLimit {
  readonly #programs: Programs;
  #found: Promise<{ limit: number; prefix: string[] }> | undefined;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  async limit(): Promise<number> {
    return (await this.#once()).limit;
  }

  /** What to put before a command line so that it gets that limit. */
  async prefix(): Promise<string[]> {
    return (await this.#once()).prefix;
  }

  #once(): Promise<{ limit: number; prefix: string[] }> {
    this.#found ??= this.#find();
    return this.#found;
  }

  async #find(): Promise<{ limit: number; prefix: string[] }> {
    const hard = hardLimit(readFileSync("/proc/self/limits", "latin1"));
    // No process may go beyond this, whatever its privileges (proc(5), fs.nr_open).
    const wanted = Math.min(WANTED_OPEN_FILES, Number(readFileSync("/proc/sys/fs/nr_open", "latin1")));
    if (hard >= wanted) return { limit: wanted, prefix: [] };
    const raise = `--nofile=${wanted}:${wanted}`;
    const raised = await this.#programs.run("prlimit", [raise, "true"], { timeoutMs: 5_000 }).then(
      ({ exitCode }) => exitCode === 0,
      () => false,
    );
    return raised ? { limit: wanted, prefix: ["prlimit", raise] } : { limit: hard, prefix: [] };
  }
}
