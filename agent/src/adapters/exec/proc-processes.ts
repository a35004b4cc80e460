import { readdirSync, readFileSync } from "node:fs";
import type { Processes, ProcessIdentity } from "../../core/services/processes.ts";

/** USER_HZ: fixed at 100 on every Linux architecture we run on (proc(5), starttime). */
const TICKS_PER_SECOND = 100;

/** Masters and their workers, of more load balancers than an amphora has. */
const MOST_SEEN = 256;

/** /proc. Synchronous on purpose: each read is microseconds, and nothing may happen between look and signal. */
export class ProcProcesses implements Processes {
  readonly #bootMs: number;
  readonly #seen = new Map<number, ProcessIdentity>();

  constructor() {
    this.#bootMs = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? 0) * 1000;
  }

  look(pid: number): ProcessIdentity | undefined {
    if (!Number.isInteger(pid) || pid < 1) return undefined;
    try {
      const identity = this.#read(pid);
      if (identity) this.#remember(identity);
      else this.#seen.delete(pid);
      return identity;
    } catch (error) {
      // Without a descriptor to spare nobody can be looked at. Who is there is taken for who was there.
      if (isShortage(error) && this.#exists(pid)) return this.#seen.get(pid);
      return undefined; // gone, or going
    }
  }

  find(accept: (identity: ProcessIdentity) => boolean): ProcessIdentity[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => this.#readOrNot(Number(name)))
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

  #readOrNot(pid: number): ProcessIdentity | undefined {
    try {
      return this.#read(pid);
    } catch {
      return undefined;
    }
  }

  #read(pid: number): ProcessIdentity | undefined {
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
  }

  #remember(identity: ProcessIdentity): void {
    this.#seen.delete(identity.pid);
    this.#seen.set(identity.pid, identity);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST_SEEN && oldest !== undefined) this.#seen.delete(oldest);
  }

  #exists(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }
}

function isShortage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE" || code === "ENOMEM";
}
