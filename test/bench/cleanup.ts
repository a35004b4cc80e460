import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Cleanup = () => unknown;

const pending: Cleanup[] = [];

/** Registers what must be undone when the benchmark ends, in whatever way; returns how to undo it earlier. */
export function onEnd(cleanup: Cleanup): () => Promise<void> {
  pending.push(cleanup);
  return async () => {
    const index = pending.indexOf(cleanup);
    if (index === -1) return;
    pending.splice(index, 1);
    await cleanup();
  };
}

let cleaning: Promise<void> | undefined;

/** Last registered first; one failure does not keep the others from being undone. Once: later callers wait for it. */
export function cleanUp(): Promise<void> {
  cleaning ??= (async () => {
    for (let cleanup = pending.pop(); cleanup; cleanup = pending.pop()) {
      try {
        await cleanup();
      } catch (error) {
        console.error(`clean-up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  })();
  return cleaning;
}

/** Ctrl-C and SIGTERM leave nothing behind. A second signal while cleaning up is not listened to. */
export function cleanUpOnSignals(): void {
  let stopping = false;
  for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      // The benchmark under way fails as its processes go; that is no news, and its failure must not end us earlier.
      process.on("uncaughtException", () => undefined);
      void cleanUp().finally(() => process.exit(code));
    });
  }
}

/** A folder gone when the benchmark is. Short: unix socket paths end at 107 bytes. */
export async function benchFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "kb-"));
  onEnd(() => rm(path, { recursive: true, force: true }));
  return path;
}
