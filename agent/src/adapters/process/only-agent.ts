import { spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import type { Log } from "../../core/log.ts";

/** An agent that was told to stop takes up to two seconds. */
const WAIT_SECONDS = 3;

/**
 * One agent looks after a base path: two would each keep a haproxy of every load balancer. The kernel lets go of the
 * lock when this process ends, however it ends. `flock` locks the folder behind our own descriptor, and exits.
 */
export async function becomeOnlyAgent(basePath: string, log: Log): Promise<void> {
  let exitCode: number | null;
  try {
    mkdirSync(basePath, { recursive: true, mode: 0o755 });
    const descriptor = openSync(basePath, "r"); // open as long as we live
    exitCode = await lock(descriptor);
  } catch (error) {
    // Not worth not serving.
    log.warn({ event: "agent.not-alone", error }, "another agent over this base path would go unnoticed");
    return;
  }
  if (exitCode !== 0) throw new Error(`another agent looks after ${basePath}`);
}

function lock(descriptor: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const words = ["--exclusive", "--wait", String(WAIT_SECONDS), "3"];
    const child = spawn("flock", words, { stdio: ["ignore", "ignore", "ignore", descriptor], timeout: 10_000 });
    child.once("error", reject);
    child.once("exit", resolve);
  });
}
