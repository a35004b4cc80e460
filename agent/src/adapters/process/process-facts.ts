import type { ProcessFacts } from "../../core/metrics/metrics.ts";

const PROBE_EVERY_MS = 1_000;

/**
 * Facts of the running process. Timers' lateness is probed once a second: `monitorEventLoopDelay` wakes a hundred
 * times as often by default. The probe never holds the process.
 */
export class NodeProcessFacts implements ProcessFacts {
  readonly #timer: NodeJS.Timeout;
  readonly #everyMs: number;
  #expectedMs: number;
  #late = { worstMs: 0, sumMs: 0, count: 0 };

  constructor(everyMs = PROBE_EVERY_MS) {
    this.#everyMs = everyMs;
    this.#expectedMs = performance.now() + everyMs;
    this.#timer = setInterval(() => this.#probe(), everyMs).unref();
  }

  read(): ReturnType<ProcessFacts["read"]> {
    const cpu = process.cpuUsage();
    const memory = process.memoryUsage();
    const { worstMs, sumMs, count } = this.#late;
    this.#late = { worstMs: 0, sumMs: 0, count: 0 };
    return {
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      residentBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      externalBytes: memory.external,
      eventLoopDelaySeconds: { worst: worstMs / 1000, mean: count === 0 ? 0 : sumMs / count / 1000 },
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #probe(): void {
    const now = performance.now();
    const lateMs = Math.max(0, now - this.#expectedMs);
    this.#expectedMs = now + this.#everyMs;
    this.#late.worstMs = Math.max(this.#late.worstMs, lateMs);
    this.#late.sumMs += lateMs;
    this.#late.count++;
  }
}
