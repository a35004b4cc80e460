import { readdirSync, readFileSync } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { AgentError } from "../../core/agent-error.ts";
import type { NamespaceCommand } from "../../core/system/namespace-command.ts";
import { cpuCount, cpuFigures, loadFigures, memoryFigures, networkFigures } from "../../core/system/proc-figures.ts";
import type { Programs } from "../../core/system/programs.ts";
import type { SystemDetails, SystemFacts, SystemInfo } from "../../core/system/system-facts.ts";
import { PackageVersions } from "./package-versions.ts";

/** Counters of another namespace cost a process; who asks more often than this gets the same ones. */
const NETWORKS_KEPT_MS = 1_000;

/** /proc and the package database: 0.1 ms and no process in the usual case. */
export class LinuxSystemFacts implements SystemFacts {
  readonly #programs: Programs;
  readonly #namespace: NamespaceCommand;
  readonly #basePath: string;
  readonly #versions: PackageVersions;
  #networks: { atMs: number; namespace: string; text: Promise<string> } | undefined;

  constructor(dependencies: {
    programs: Programs;
    namespace: NamespaceCommand;
    haproxy: string;
    basePath: string;
  }) {
    this.#programs = dependencies.programs;
    this.#namespace = dependencies.namespace;
    this.#basePath = dependencies.basePath;
    this.#versions = new PackageVersions(dependencies.programs, dependencies.haproxy);
  }

  async info(): Promise<SystemInfo> {
    return { hostname: hostname(), ...(await this.#versions.read()) };
  }

  async details(): Promise<SystemDetails> {
    const [info, netDev, disk] = await Promise.all([this.info(), this.#netDev(), statfs("/")]);
    const stat = readFileSync("/proc/stat", "latin1");
    return {
      ...info,
      networks: networkFigures(netDev),
      cpu_count: cpuCount(stat),
      cpu: cpuFigures(stat),
      memory: memoryFigures(readFileSync("/proc/meminfo", "latin1")),
      disk: { used: (disk.blocks - disk.bfree) * disk.bsize, available: disk.bavail * disk.bsize },
      load: loadFigures(readFileSync("/proc/loadavg", "latin1")),
      active_tuned_profiles: (await readFile("/etc/tuned/active_profile", "utf8").catch(() => "")).trim(),
      lvs_listener_process_count: this.#lvsProcesses(),
    };
  }

  async #netDev(): Promise<string> {
    const namespace = this.#namespace.name();
    if (namespace === "") return readFileSync("/proc/self/net/dev", "latin1");
    const nowMs = performance.now();
    const kept = this.#networks;
    if (kept && kept.namespace === namespace && nowMs - kept.atMs < NETWORKS_KEPT_MS) return kept.text;
    const text = this.#netDevOf(namespace);
    this.#networks = { atMs: nowMs, namespace, text };
    text.catch(() => {
      if (this.#networks?.text === text) this.#networks = undefined;
    });
    return text;
  }

  async #netDevOf(namespace: string): Promise<string> {
    const [program, ...programArguments] = this.#namespace.wrap(["cat", "/proc/net/dev"]);
    const result = await this.#programs.run(program, programArguments, { timeoutMs: 5_000 });
    if (result.exitCode === 0) return result.stdout;
    throw new AgentError("internal", `network namespace ${namespace}: ${result.output.trim()}`);
  }

  /** Pid files of LVS listeners whose process lives; the `.vrrp` and `.check` ones beside them are its children. */
  #lvsProcesses(): number {
    const folder = `${this.#basePath}/lvs`;
    try {
      return readdirSync(folder)
        .filter((name) => /^octavia-keepalivedlvs-[^.]+\.pid$/.test(name))
        .filter((name) => isAlive(Number(readFileSync(`${folder}/${name}`, "latin1")))).length;
    } catch {
      return 0; // no such folder: no LVS listener was ever pushed
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("keepalived");
  } catch {
    return false;
  }
}
