/** Time as a port: tests never wait. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for people and for the wire. */
  nowMs(): number;
  /** Milliseconds on a clock that never jumps: for durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`, rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
