/** What the master process says of itself and its workers (`show proc`, haproxy management guide 9.4). */
export interface MasterReport {
  masterPid: number;
  reloads: number;
  /** Since the last successful one. */
  failedReloads: number;
  /** The current worker, none while there is none. */
  workerPid: number | undefined;
}

/** Undefined when the text is not such a report (an answer cut off by the master's re-execution). */
export function parseMasterReport(text: string): MasterReport | undefined {
  const master = /^(\d+)\s+master\s+(\d+)(?:\s+\[failed: (\d+)\])?/m.exec(text);
  if (!master) return undefined;
  const current = /^# workers$([\s\S]*?)(?=^# |$(?![\s\S]))/m.exec(text)?.[1] ?? "";
  const worker = /^(\d+)\s+worker\s/m.exec(current);
  return {
    masterPid: Number(master[1]),
    reloads: Number(master[2]),
    failedReloads: Number(master[3] ?? 0),
    workerPid: worker ? Number(worker[1]) : undefined,
  };
}

/** `Pid: N` of `show info`: which worker answers. */
export function parseInfoPid(text: string): number | undefined {
  const found = /^Pid: (\d+)$/m.exec(text);
  return found ? Number(found[1]) : undefined;
}
