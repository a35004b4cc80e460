import type { Clock } from "../../core/clock.ts";
import type { Processes, ProcessIdentity } from "../../core/services/processes.ts";

/** A stop ends haproxy's workers at once; who needs longer than this is stuck. */
const END_TIMEOUT_MS = 10_000;
/** A master that re-executes itself at that moment does not hear the signal. */
const ASK_AGAIN_AFTER_MS = 500;
const LOOK_EVERY_MS = 4;

type Known = Pick<ProcessIdentity, "pid" | "startTicks">;

/**
 * SIGTERM, then SIGKILL, until the process is gone, and its children with it: a master that is asked to end while it
 * takes a new configuration can leave workers behind (systemd.kill(5) calls this KillMode=mixed). False: it does not end.
 */
export async function endProcess(tools: { processes: Processes; clock: Clock }, identity: Known): Promise<boolean> {
  const { processes } = tools;
  if (!isAlive(processes, identity)) return true;
  const children = processes.find(({ parentPid }) => parentPid === identity.pid);
  const deadlineMs = tools.clock.monotonicMs() + END_TIMEOUT_MS;
  while (tools.clock.monotonicMs() < deadlineMs && isAlive(processes, identity)) {
    processes.signal(identity.pid, "SIGTERM");
    await gone(tools, [identity], ASK_AGAIN_AFTER_MS);
  }
  const left = [identity, ...children].filter((each) => isAlive(processes, each));
  for (const { pid } of left) processes.signal(pid, "SIGKILL");
  return gone(tools, left, END_TIMEOUT_MS);
}

async function gone(tools: { processes: Processes; clock: Clock }, all: Known[], withinMs: number): Promise<boolean> {
  const deadlineMs = tools.clock.monotonicMs() + withinMs;
  while (all.some((each) => isAlive(tools.processes, each))) {
    if (tools.clock.monotonicMs() > deadlineMs) return false;
    await tools.clock.sleep(LOOK_EVERY_MS, new AbortController().signal);
  }
  return true;
}

function isAlive(processes: Processes, { pid, startTicks }: Known): boolean {
  return processes.look(pid)?.startTicks === startTicks;
}
