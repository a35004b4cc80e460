import { existsSync, readFileSync } from "node:fs";
import type { VrrpObservation, VrrpProcess } from "../../core/heartbeat/vrrp-gate.ts";

/**
 * keepalived as stock amphorae run it: `<base>/vrrp/octavia-keepalived.{conf,pid}` and a process in /proc. Read
 * synchronously, as every beat asks: a cached name takes 2 us, by way of the thread pool it is a fifth of a small beat.
 */
export class KeepalivedVrrpProcess implements VrrpProcess {
  readonly #basePath: string;

  constructor(basePath: string) {
    this.#basePath = basePath;
  }

  observe(): Promise<VrrpObservation> {
    return Promise.resolve(this.#look());
  }

  #look(): VrrpObservation {
    const folder = `${this.#basePath}/vrrp`;
    if (!existsSync(`${folder}/octavia-keepalived.conf`)) return { configured: false };
    let text: string;
    try {
      text = readFileSync(`${folder}/octavia-keepalived.pid`, "utf8");
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      return { configured: true, pidFile: missing ? "missing" : "unreadable" };
    }
    const pid = /^\s*(\d{1,10})\s*$/.exec(text.split("\n", 1)[0] ?? "")?.[1];
    if (pid === undefined || Number(pid) === 0) return { configured: true, pidFile: "unreadable" };
    return { configured: true, pidFile: "present", pid: Number(pid), alive: existsSync(`/proc/${Number(pid)}`) };
  }
}
