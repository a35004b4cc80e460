import type { ListenerStatistics } from "../../contract/heartbeat.ts";
import type { FrontendStatistics } from "../haproxy/statistics.ts";

/**
 * Written whole, old or new. It needs no fsync: what loses the file's bytes (a crash of
 * the machine) resets haproxy's counters too, and a broken file counts as empty.
 */
export interface CounterStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** Absolute counters of one listener when it was last reported. */
interface LastSeen {
  bin: number;
  bout: number;
  ereq: number;
  stot: number;
}

/** Turns haproxy's absolute counters into differences since the last message that was built. */
export class DeltaCounters {
  /** Without prototype; as property keys V8 copies the ids instead of keeping the whole `show stat` text alive. */
  readonly #last: Record<string, LastSeen>;
  #changed = false;

  private constructor(last: Record<string, LastSeen>) {
    this.#last = last;
  }

  /** A missing or broken file is an empty one: at worst the counters since haproxy's start are sent once more. */
  static parse(text: string | undefined): DeltaCounters {
    const last = Object.create(null) as Record<string, LastSeen>;
    for (const [id, value] of Object.entries(parseObject(text))) {
      const { bin, bout, ereq, stot } = (value ?? {}) as Partial<LastSeen>;
      if (isCount(bin) && isCount(bout) && isCount(ereq) && isCount(stot)) last[id] = { bin, bout, ereq, stot };
    }
    return new DeltaCounters(last);
  }

  /** What to report for a listener now; remembers it as reported, whether or not the datagram arrives. */
  advance(listenerId: string, now: FrontendStatistics): ListenerStatistics {
    const last = this.#last[listenerId];
    const delta = {
      tx: difference(now.bout, last?.bout),
      rx: difference(now.bin, last?.bin),
      conns: now.scur,
      totconns: difference(now.stot, last?.stot),
      ereq: difference(now.ereq, last?.ereq),
    };
    if (!last) {
      this.#last[listenerId] = { bin: now.bin, bout: now.bout, ereq: now.ereq, stot: now.stot };
      this.#changed = true;
    } else if (last.bin !== now.bin || last.bout !== now.bout || last.ereq !== now.ereq || last.stot !== now.stot) {
      last.bin = now.bin;
      last.bout = now.bout;
      last.ereq = now.ereq;
      last.stot = now.stot;
      this.#changed = true;
    }
    return delta;
  }

  /** Writes what changed since the last successful save; an idle load balancer costs no disk access. */
  async save(store: CounterStore): Promise<void> {
    if (!this.#changed) return;
    const text = JSON.stringify(this.#last);
    this.#changed = false;
    try {
      await store.write(text);
    } catch (error) {
      this.#changed = true;
      throw error;
    }
  }
}

/** A counter that went down was reset by a (re)start of haproxy: all it counted since is new. */
function difference(now: number, last: number | undefined): number {
  const delta = now - (last ?? 0);
  return delta < 0 ? now : delta;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseObject(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
