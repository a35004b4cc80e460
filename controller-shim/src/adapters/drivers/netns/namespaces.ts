import { readdir, stat, statfs } from "node:fs/promises";
import type { Programs } from "./programs.ts";

const FOLDER = "/run/netns";
/** statfs(2): NSFS_MAGIC, "nsfs". Another type is a plain file: the name is there, the namespace is not. */
const NSFS_MAGIC = 0x6e736673;

/** Named network namespaces, as `ip netns` keeps them. */
export class Namespaces {
  readonly #programs: Programs;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  pathOf(name: string): string {
    return `${FOLDER}/${name}`;
  }

  async exists(name: string): Promise<boolean> {
    const type = await statfs(this.pathOf(name)).then(
      (seen) => seen.type,
      () => undefined,
    );
    return type === NSFS_MAGIC;
  }

  /**
   * A name for the namespace `holder` lives in, else for a new one. A name given by a process with mounts of its own
   * (`ip netns exec`, a systemd unit with private mounts) is gone with that process, while the amphora lives on.
   */
  async ensure(name: string, holder: number | undefined, signal: AbortSignal): Promise<void> {
    if (holder === undefined ? await this.exists(name) : await same(this.pathOf(name), namespaceOf(holder))) return;
    await this.delete(name, signal);
    const args = holder === undefined ? ["add", name] : ["attach", name, String(holder)];
    await this.#programs.run("ip", ["netns", ...args], { signal });
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    if ((await this.list()).includes(name)) await this.#programs.run("ip", ["netns", "delete", name], { signal });
  }

  /** Every name, also those whose namespace is gone. */
  async list(): Promise<string[]> {
    return readdir(FOLDER).catch(() => []);
  }

  /** Every process in the namespace, whoever started it. */
  async processes(name: string): Promise<number[]> {
    if (!(await this.exists(name))) return [];
    const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
    const inside = await Promise.all(pids.map((pid) => same(this.pathOf(name), namespaceOf(pid))));
    return pids.filter((_, index) => inside[index]);
  }

  /** Whether this process itself is in a namespace with a name: made for a purpose, so not the machine's own. */
  async holdThisProcess(): Promise<boolean> {
    const named = (await this.list()).map((name) => same(this.pathOf(name), namespaceOf("self")));
    return (await Promise.all(named)).includes(true);
  }
}

function namespaceOf(process: number | "self"): string {
  return `/proc/${process}/ns/net`;
}

async function same(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)].map((each) => each.catch(() => undefined)));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
