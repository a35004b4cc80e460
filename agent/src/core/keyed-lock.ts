import { AgentError } from "./agent-error.ts";

/** Waiters per key; a controller sends one request at a time, more means that something upstream spins. */
const MOST_WAITERS = 64;

/** One at a time per key, in the order they came; others are not held up. */
export class KeyedLock {
  readonly #tails = new Map<string, { last: Promise<void>; count: number }>();

  /** The signal only ends the waiting; work that has begun decides for itself. */
  async hold<Result>(key: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const queue = this.#tails.get(key) ?? { last: Promise.resolve(), count: 0 };
    if (queue.count > MOST_WAITERS) throw new AgentError("busy", `too many requests wait for ${key}`);
    this.#tails.set(key, queue);
    const before = queue.last;
    const { promise, resolve: release } = Promise.withResolvers<void>();
    queue.last = before.then(() => promise);
    queue.count++;
    try {
      await abortable(before, signal, key);
      return await work();
    } finally {
      release();
      if (--queue.count === 0) this.#tails.delete(key);
    }
  }
}

function abortable(wait: Promise<void>, signal: AbortSignal, key: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const give = (): void => reject(new AgentError("busy", `gave up waiting for ${key}`, { cause: signal.reason }));
  if (signal.aborted) give();
  else signal.addEventListener("abort", give, { once: true });
  void wait.then(resolve);
  return promise.finally(() => signal.removeEventListener("abort", give));
}
