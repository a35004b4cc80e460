import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { VrrpObservation, VrrpProcess } from "../../core/heartbeat/vrrp-gate.ts";

/** keepalived as stock amphorae run it: `<base>/vrrp/octavia-keepalived.{conf,pid}` and a process in /proc. */
export class KeepalivedVrrpProcess implements VrrpProcess {
  readonly #basePath: () => string;

  constructor(basePath: () => string) {
    this.#basePath = basePath;
  }

  async observe(): Promise<VrrpObservation> {
    const folder = join(this.#basePath(), "vrrp");
    if (!(await exists(join(folder, "octavia-keepalived.conf")))) return { configured: false };
    const text = await readFile(join(folder, "octavia-keepalived.pid"), "utf8").catch((error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? undefined : "",
    );
    if (text === undefined) return { configured: true, pidFile: "missing" };
    const pid = /^\s*(\d{1,10})\s*$/.exec(text.split("\n", 1)[0] ?? "")?.[1];
    if (pid === undefined || Number(pid) === 0) return { configured: true, pidFile: "unreadable" };
    return { configured: true, pidFile: "present", pid: Number(pid), alive: await exists(`/proc/${Number(pid)}`) };
  }
}

/** Anything but "no such file" counts as there: a folder we may not look into must not open the gate. */
function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
