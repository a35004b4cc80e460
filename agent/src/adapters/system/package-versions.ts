import { statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { AgentError } from "../../core/agent-error.ts";
import { versionIn, withoutEpoch } from "../../core/system/proc-figures.ts";
import type { Programs } from "../../core/system/programs.ts";
import type { SystemInfo } from "../../core/system/system-facts.ts";

const DPKG_STATUS = "/var/lib/dpkg/status";
const QUERY_TIMEOUT_MS = 10_000;

export type Versions = Omit<SystemInfo, "hostname">;

/**
 * Package versions as stock reports them, where the programs are the distribution's; else what they say of themselves.
 * Asked for again only when the package database or a program has changed: a look at four files instead of processes.
 */
export class PackageVersions {
  readonly #programs: Programs;
  readonly #haproxy: string;
  #cached: { fingerprint: string; versions: Promise<Versions> } | undefined;

  constructor(programs: Programs, haproxy: string) {
    this.#programs = programs;
    this.#haproxy = haproxy;
  }

  read(): Promise<Versions> {
    const fingerprint = [DPKG_STATUS, this.#haproxy, "keepalived", "ipvsadm"].map(fingerprintOf).join(" ");
    if (this.#cached?.fingerprint === fingerprint) return this.#cached.versions;
    const versions = this.#query();
    this.#cached = { fingerprint, versions };
    versions.catch(() => {
      if (this.#cached?.versions === versions) this.#cached = undefined; // ask again next time
    });
    return versions;
  }

  async #query(): Promise<Versions> {
    const haproxy = this.#haproxy;
    const [haproxyVersion, keepalived, ipvsadm] = await Promise.all([
      this.#version("haproxy", haproxy, ["-v"]),
      this.#version("keepalived", "keepalived", ["-v"]),
      this.#version("ipvsadm", "ipvsadm", ["-v"]),
    ]);
    if (haproxyVersion === undefined) {
      throw new AgentError("haproxy-missing", `${haproxy} is not installed or does not tell its version`);
    }
    return {
      haproxy_version: withoutEpoch(haproxyVersion),
      keepalived_version: keepalived ?? "",
      ipvsadm_version: ipvsadm ?? "",
    };
  }

  async #version(packageName: string, program: string, versionArguments: string[]): Promise<string | undefined> {
    // A program from elsewhere is not the package's: controllers render by what really runs.
    if (/^\/(usr\/)?s?bin\//.test(resolve(program) ?? "")) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholder (dpkg-query(1))
      const known = await this.#run("dpkg-query", ["-W", "-f=${Version}", packageName]);
      if (known !== undefined && known !== "") return known;
    }
    return versionIn((await this.#run(program, versionArguments)) ?? "");
  }

  async #run(program: string, programArguments: string[]): Promise<string | undefined> {
    try {
      const result = await this.#programs.run(program, programArguments, { timeoutMs: QUERY_TIMEOUT_MS });
      return result.exitCode === 0 ? result.output.trim() : undefined;
    } catch {
      return undefined; // not installed
    }
  }
}

function fingerprintOf(program: string): string {
  const path = program.startsWith("/") ? program : resolve(program);
  const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  return found === undefined ? "-" : `${found.ino}:${found.mtimeMs}:${found.size}`;
}

function resolve(program: string): string | undefined {
  if (program.includes("/")) return statSync(program, { throwIfNoEntry: false }) ? program : undefined;
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
