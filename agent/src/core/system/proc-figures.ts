import type { SystemDetails } from "./system-facts.ts";

/** Texts of /proc as figures of `GET /1.0/details`. */

/** The first line of /proc/stat: parts as text, their sum as a number (proc(5)). */
export function cpuFigures(stat: string): SystemDetails["cpu"] {
  const columns = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "0").split(/ +/);
  const [user = "0", , system = "0", , , , softIrq = "0"] = columns;
  const total = columns.reduce((sum, column) => sum + Number(column), 0);
  return { total, user, system, soft_irq: softIrq };
}

export function cpuCount(stat: string): number {
  return stat.match(/^cpu\d+ /gm)?.length ?? 1;
}

/** Kilobytes. `swap_used` is SwapCached: so the reference has it. */
export function memoryFigures(meminfo: string): SystemDetails["memory"] {
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  return {
    total: kilobytes("MemTotal"),
    free: kilobytes("MemFree"),
    buffers: kilobytes("Buffers"),
    cached: kilobytes("Cached"),
    swap_used: kilobytes("SwapCached"),
    shared: kilobytes("Shmem"),
    slab: kilobytes("Slab"),
  };
}

export function loadFigures(loadavg: string): [string, string, string] {
  const [one = "0.00", five = "0.00", fifteen = "0.00"] = loadavg.split(" ");
  return [one, five, fifteen];
}

/** Interfaces named `eth*`, absolute byte counters. */
export function networkFigures(netDev: string): SystemDetails["networks"] {
  const networks: SystemDetails["networks"] = {};
  for (const [, name = "", counters = ""] of netDev.matchAll(/^ *(eth[^:]*):(.*)$/gm)) {
    const [received = "0", , , , , , , , sent = "0"] = counters.trim().split(/ +/);
    networks[name] = { network_tx: Number(sent), network_rx: Number(received) };
  }
  return networks;
}

/** `HAProxy version 2.6.12-1+deb12u4 2026/10/17`, `Keepalived v2.2.7 (01/16,2022)`, `ipvsadm v1.31 2019/12/24`. */
export function versionIn(words: string): string | undefined {
  return /(?:version |\bv)(\d+\.\S*)/.exec(words)?.[1]?.replace(/,$/, "");
}

/** Controllers read the version up to its second dot as numbers: an epoch would break them. */
export function withoutEpoch(version: string): string {
  return version.replace(/^\d+:/, "");
}
