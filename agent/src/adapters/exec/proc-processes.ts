import { readdirSync, readFileSync } from "node:fs";
import type { Processes, ProcessIdentity } from "../../core/services/processes.ts";

/** USER_HZ: fixed at 100 on every Linux architecture we run on (proc(5), starttime). */
const TICKS_PER_SECOND = 100;

/** /proc. Synchronous on purpose: each read is microseconds, and nothing may happen between look and signal. */
export class ProcProcesses implements Processes {
  readonly #bootMs: number;

  constructor() {
    this.#bootMs = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? 0) * 1000;
  }

  look(pid: number): ProcessIdentity | undefined {
    if (!Number.isInteger(pid) || pid < 1) return undefined;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The name in parentheses may hold anything; what follows the last one is numbers.
      const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" || state === "X") return undefined;
      const startTicks = Number(rest[17]);
      return {
        pid,
        parentPid: Number(parent),
        startTicks,
        startedAtMs: this.#bootMs + (startTicks * 1000) / TICKS_PER_SECOND,
        commandLine: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1),
      };
    } catch {
      return undefined; // gone, or going
    }
  }

  find(accept: (identity: ProcessIdentity) => boolean): ProcessIdentity[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => this.look(Number(name)))
      .filter((identity) => identity !== undefined)
      .filter(accept);
  }

  signal(pid: number, signal: "SIGTERM" | "SIGKILL" | "SIGUSR1" | "SIGUSR2"): boolean {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  }
}
