import { readdir, readFile } from "node:fs/promises";

/** The value below which a share of the sorted samples lies (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[rank] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Milliseconds the main thread of a process was on a CPU (proc(5), schedstat: nanoseconds, exact). */
export async function mainThreadCpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/task/${pid}/schedstat`, "utf8");
  return Number(text.split(" ")[0]) / 1e6;
}

export interface ProcessMemory {
  /** Memory that cannot be shared or dropped, MB. */
  privateMb: number;
  residentMb: number;
  proportionalMb: number;
}

/** From smaps_rollup (proc(5)): Pss_Anon, Rss, Pss. */
export async function memoryOf(pid: number): Promise<ProcessMemory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
  return { privateMb: mb("Pss_Anon"), residentMb: mb("Rss"), proportionalMb: mb("Pss") };
}

/** A process and its descendants, without haproxy and keepalived: what the agent costs an amphora. */
export async function agentProcesses(pid: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  const names = new Map<number, string>();
  for (const entry of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    // `pid (name) state parent ...`: the name may hold anything, a closing bracket too.
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /s.exec(status) ?? [];
    if (name === undefined || parent === undefined) continue;
    names.set(Number(entry), name);
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const visit = (each: number): void => {
    if (/^(haproxy|keepalived)/.test(names.get(each) ?? "")) return;
    found.push(each);
    for (const child of children.get(each) ?? []) visit(child);
  };
  visit(pid);
  return found;
}
