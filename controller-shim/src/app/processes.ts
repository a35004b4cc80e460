import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process for certain: pids are used again, a pid together with its start time is not. */
export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat (proc(5)): clock ticks since boot. */
  startTime: string;
}

/** Undefined when there is no such process, or only its zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields?.[0];
  const startTime = fields?.[19];
  if (startTime === undefined || state === "Z" || state === "X") return undefined;
  return { pid, startTime };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

/** SIGTERM, then SIGKILL after `graceMs`. False when it lives on all the same (stuck in the kernel). */
export async function endProcess(target: ProcessIdentity, graceMs = 3_000): Promise<boolean> {
  if (graceMs > 0) {
    send(target, "SIGTERM");
    if (await endedWithin(target, graceMs)) return true;
  }
  send(target, "SIGKILL");
  return endedWithin(target, 5_000);
}

/** Sends a signal unless the process has ended, even if its pid belongs to somebody else by now. */
export function send(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function endedWithin(target: ProcessIdentity, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (isAlive(target)) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

/** Every process for which `matches` holds; our own left out. */
export function findProcesses(matches: (pid: number) => boolean): ProcessIdentity[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && matches(pid))
    .flatMap((pid) => identify(pid) ?? []);
}

/** True when the process was started with `NAME=value` in its environment. */
export function hasEnvironment(pid: number, assignment: string): boolean {
  return (read(`/proc/${pid}/environ`) ?? "").split("\0").includes(assignment);
}

export function isInCgroup(pid: number, folder: string): boolean {
  return (read(`/proc/${pid}/cgroup`) ?? "").split("\n").some((line) => `${line}/`.includes(`/${folder}/`));
}

/** `net:[4026531840]`: equal for two processes of one network namespace. */
export function networkNamespaceOf(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** True for the first process of a pid namespace of its own, as an amphora's init is. */
export function isInitOfItsNamespace(pid: number): boolean {
  const ids = /^NSpid:\s+(.*)$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1]?.split(/\s+/) ?? [];
  return ids.length > 1 && ids.at(-1) === "1";
}

export function commandLine(pid: number): string {
  return (read(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").trim();
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // ended meanwhile
  }
}
