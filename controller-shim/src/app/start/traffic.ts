import { request } from "node:http";

/** Counts of one member, or of failures by their reason. */
export type Counts = ReadonlyMap<string, number>;

export interface TrafficSnapshot {
  requestsPerSecond: number;
  /** Over the last `WINDOW_MS`. */
  failedRecently: number;
  sent: number;
  answered: number;
  failed: number;
  /** Answers of the last `WINDOW_MS` by member name. */
  recentByMember: Counts;
  failuresByReason: Counts;
  medianMs: number | undefined;
}

interface Outcome {
  atMs: number;
  tookMs: number;
  member: string | undefined;
  failure: string | undefined;
}

const WINDOW_MS = 5_000;
/** How far `since` reaches back. */
const HISTORY_MS = 60_000;
const REQUEST_TIMEOUT_MS = 2_000;
const MAX_IN_FLIGHT = 100;
const MAX_REASONS = 20;

/**
 * Real clients of the VIP at a fixed rate, each request on a connection of its own as new visitors make them.
 * A request that would exceed the bound in flight counts as failed: a stalled load balancer is never hidden.
 */
export class Traffic {
  readonly #target: { host: string; port: number };
  readonly #outcomes: Outcome[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #startedMs = performance.now();
  #inFlight = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;

  constructor(target: { host: string; port: number }, requestsPerSecond: number) {
    this.#target = target;
    this.#timer = setInterval(() => this.#send(), 1_000 / requestsPerSecond);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  snapshot(): TrafficSnapshot {
    const nowMs = performance.now();
    const recent = this.#outcomes.filter((each) => each.atMs >= nowMs - WINDOW_MS);
    const recentByMember = new Map<string, number>();
    for (const { member } of recent) {
      if (member !== undefined) recentByMember.set(member, (recentByMember.get(member) ?? 0) + 1);
    }
    const answered = recent.filter((each) => each.failure === undefined);
    const took = answered.map((each) => each.tookMs).sort((a, b) => a - b);
    const windowS = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#startedMs) / 1_000);
    return {
      requestsPerSecond: answered.length / windowS,
      failedRecently: recent.length - answered.length,
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#failed,
      recentByMember,
      failuresByReason: new Map(this.#reasons),
      medianMs: took[took.length >> 1],
    };
  }

  /** Requests sent at or after `sinceMs` of `performance.now()`, for a minute. */
  since(sinceMs: number): { byMember: Counts; failed: number; answered: number } {
    const byMember = new Map<string, number>();
    const outcomes = this.#outcomes.filter((each) => each.atMs - each.tookMs >= sinceMs);
    for (const { member } of outcomes) if (member) byMember.set(member, (byMember.get(member) ?? 0) + 1);
    const failed = outcomes.filter((each) => each.failure !== undefined).length;
    return { byMember, failed, answered: outcomes.length - failed };
  }

  #send(): void {
    this.#sent += 1;
    const startedMs = performance.now();
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.#settle(startedMs, undefined, `more than ${MAX_IN_FLIGHT} requests without an answer`);
      return;
    }
    this.#inFlight += 1;
    fetchOnce(this.#target, "/", this.#abort.signal).then(
      ({ status, servedBy }) => {
        this.#inFlight -= 1;
        this.#settle(startedMs, servedBy, status === 200 ? undefined : `status ${status}`);
      },
      (error: Error) => {
        this.#inFlight -= 1;
        if (!this.#abort.signal.aborted) this.#settle(startedMs, undefined, error.message);
      },
    );
  }

  #settle(startedMs: number, member: string | undefined, failure: string | undefined): void {
    const atMs = performance.now();
    this.#outcomes.push({ atMs, tookMs: atMs - startedMs, member: failure ? undefined : member, failure });
    this.#forgetBefore(atMs - HISTORY_MS);
    if (failure === undefined) {
      this.#answered += 1;
      return;
    }
    this.#failed += 1;
    if (this.#reasons.has(failure) || this.#reasons.size < MAX_REASONS) {
      this.#reasons.set(failure, (this.#reasons.get(failure) ?? 0) + 1);
    }
  }

  #forgetBefore(atMs: number): void {
    const keep = this.#outcomes.findIndex((each) => each.atMs >= atMs);
    this.#outcomes.splice(0, keep < 0 ? this.#outcomes.length : keep);
  }
}

/** One GET on a fresh connection; rejects with what a person would want to read. */
export function fetchOnce(
  target: { host: string; port: number },
  path: string,
  signal: AbortSignal,
): Promise<{ status: number; servedBy: string | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, path, agent: false, signal }, (incoming) => {
      const servedBy = incoming.headers["x-served-by"];
      incoming.on("error", reject);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, servedBy: typeof servedBy === "string" ? servedBy : undefined }),
      );
      incoming.resume();
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS / 1_000} s`)),
      REQUEST_TIMEOUT_MS,
    );
    outgoing.on("close", () => clearTimeout(timer));
    outgoing.on("error", (error: NodeJS.ErrnoException) => reject(new Error(reasonOf(error), { cause: error })));
    outgoing.end();
  });
}

const reasons: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTUNREACH: "no route to the VIP",
  ENETUNREACH: "no route to the VIP",
};

function reasonOf(error: NodeJS.ErrnoException): string {
  return reasons[error.code ?? ""] ?? error.message;
}
