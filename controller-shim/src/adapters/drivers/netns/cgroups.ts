import { constants } from "node:fs";
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the control groups of this machine are: version 1, version 2, or version 2 beside version 1 (hybrid). */
export interface CgroupLayout {
  /** Version 1 mount points by controller. */
  memoryV1: string | undefined;
  pidsV1: string | undefined;
  /** Version 2 mount point. It kills a whole group at once, also where the limits are version 1. */
  unified: string | undefined;
}

export interface CgroupLimits {
  memoryMaxBytes: number;
  processesMax: number;
}

/** proc(5), mountinfo: mount point is field 5; after the lone dash come type, source and super block options. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout {
  const layout: CgroupLayout = { memoryV1: undefined, pidsV1: undefined, unified: undefined };
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const mountPoint = (before.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const [type, , superOptions = ""] = after.split(" ");
    const controllers = superOptions.split(",");
    if (type === "cgroup2") layout.unified ??= mountPoint;
    if (type === "cgroup" && controllers.includes("memory")) layout.memoryV1 ??= mountPoint;
    if (type === "cgroup" && controllers.includes("pids")) layout.pidsV1 ??= mountPoint;
  }
  return layout;
}

/** Control groups `<instance>/<short id>` in every hierarchy that can limit or kill. */
export class Cgroups {
  readonly #layout: CgroupLayout;
  readonly #instance: string;

  constructor(layout: CgroupLayout, instance: string) {
    this.#layout = layout;
    this.#instance = instance;
  }

  static async ofMachine(instance: string): Promise<Cgroups> {
    return new Cgroups(parseCgroupLayout(await readFile("/proc/self/mountinfo", "utf8")), instance);
  }

  /** Makes the groups with their limits. What could not be done comes back in words; the amphora runs without it. */
  async ensure(shortId: string, limits: CgroupLimits): Promise<{ processFiles: string[]; problems: string[] }> {
    const { memoryV1, pidsV1, unified } = this.#layout;
    const processFiles: string[] = [];
    const problems: string[] = [];
    const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
      await work().catch((error: Error) => problems.push(`${what}: ${error.message}`));
    };
    if (memoryV1 === undefined && unified === undefined) problems.push("no control groups are mounted");
    for (const root of this.#roots()) {
      await attempt(`control group below ${root}`, async () => {
        const folder = join(root, this.#instance, shortId);
        await mkdir(folder, { recursive: true });
        await access(join(folder, "cgroup.procs"), constants.W_OK);
        processFiles.push(join(folder, "cgroup.procs"));
        if (root === memoryV1) await attempt("memory limit", () => limitMemoryV1(folder, limits.memoryMaxBytes));
        if (root === pidsV1) await attempt("process limit", () => write(folder, "pids.max", limits.processesMax));
        if (root === unified) {
          const wanted = [...(memoryV1 ? [] : ["memory"]), ...(pidsV1 ? [] : ["pids"])];
          for (const controller of wanted) {
            await attempt(`${controller} limit`, async () => {
              for (const parent of [root, join(root, this.#instance)]) await enableController(parent, controller);
              if (controller === "pids") await write(folder, "pids.max", limits.processesMax);
              else await write(folder, "memory.max", limits.memoryMaxBytes);
            });
          }
        }
      });
    }
    return { processFiles, problems };
  }

  /** Pids in the amphora's groups. */
  async processes(shortId: string): Promise<number[]> {
    const found = new Set<number>();
    for (const root of this.#roots()) {
      const text = await readFile(join(root, this.#instance, shortId, "cgroup.procs"), "utf8").catch(() => "");
      for (const pid of text.split("\n")) if (pid !== "") found.add(Number(pid));
    }
    return [...found];
  }

  /** Kills at once what is in the group, where the kernel can (version 2 since 5.14). */
  async kill(shortId: string): Promise<void> {
    const { unified } = this.#layout;
    if (unified === undefined) return;
    await write(join(unified, this.#instance, shortId), "cgroup.kill", 1).catch(ignoreMissing);
  }

  /** False when a group still holds a process. */
  async remove(shortId: string): Promise<boolean> {
    return this.#removeFolders([this.#instance, shortId].join("/"));
  }

  /** Short ids of every group of the instance, in any hierarchy. */
  async list(): Promise<string[]> {
    const found = new Set<string>();
    for (const root of this.#roots()) {
      const entries = await readdir(join(root, this.#instance), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) if (entry.isDirectory()) found.add(entry.name);
    }
    return [...found];
  }

  async removeInstance(): Promise<boolean> {
    return this.#removeFolders(this.#instance);
  }

  #roots(): string[] {
    const { memoryV1, pidsV1, unified } = this.#layout;
    return [...new Set([memoryV1, pidsV1, unified])].filter((root) => root !== undefined);
  }

  async #removeFolders(name: string): Promise<boolean> {
    let gone = true;
    for (const root of this.#roots()) {
      await rmdir(join(root, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "EBUSY" || error.code === "ENOTEMPTY") gone = false;
        else ignoreMissing(error);
      });
    }
    return gone;
  }
}

/** With swap accounting the limit of memory and swap may never be the lower one, so the order depends on before. */
async function limitMemoryV1(folder: string, bytes: number): Promise<void> {
  const swap = (): Promise<void> => write(folder, "memory.memsw.limit_in_bytes", bytes).catch(() => {});
  await write(folder, "memory.limit_in_bytes", bytes).catch(swap);
  await swap();
  await write(folder, "memory.limit_in_bytes", bytes);
}

async function enableController(folder: string, controller: string): Promise<void> {
  const enabled = await readFile(join(folder, "cgroup.subtree_control"), "utf8");
  if (!enabled.trim().split(" ").includes(controller)) await write(folder, "cgroup.subtree_control", `+${controller}`);
}

async function write(folder: string, file: string, value: number | string): Promise<void> {
  await writeFile(join(folder, file), String(value), { flag: "r+" });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  // EROFS: nothing could be made there either.
  if (!["ENOENT", "EROFS", "ENODEV"].includes(error.code ?? "")) throw error;
}
