import type { Clock } from "../clock.ts";
import type { ConnectionWatch, Processes } from "./processes.ts";

/** How often a lost control connection is tried again while its process lives (a reload closes it). */
const FIRST_HOLD_AGAIN_MS = 5;
const LONGEST_HOLD_AGAIN_MS = 250;

/**
 * Tells once when a process that is no child of ours dies: a connection to its control socket ends within a
 * millisecond. A process without such a socket is looked at four times a second. Returns what ends the watching.
 */
export function watchProcess(
  tools: { processes: Processes; connections: ConnectionWatch; clock: Clock },
  target: { pid: number; startTicks: number; controlSocket: string },
  onDied: () => void,
): () => void {
  const watching = new AbortController();
  let delayMs = FIRST_HOLD_AGAIN_MS;
  let held: { release(): void } | undefined;
  const hold = (): void => {
    const heldFromMs = tools.clock.monotonicMs();
    held = tools.connections.hold(target.controlSocket, () => {
      if (watching.signal.aborted) return;
      if (tools.processes.look(target.pid)?.startTicks !== target.startTicks) {
        watching.abort(new Error("it died"));
        return onDied();
      }
      const lastedMs = tools.clock.monotonicMs() - heldFromMs;
      delayMs = lastedMs > LONGEST_HOLD_AGAIN_MS ? FIRST_HOLD_AGAIN_MS : Math.min(2 * delayMs, LONGEST_HOLD_AGAIN_MS);
      tools.clock.sleep(delayMs, watching.signal).then(hold, () => undefined);
    });
  };
  hold();
  return () => {
    watching.abort(new Error("no longer watched"));
    held?.release();
  };
}
