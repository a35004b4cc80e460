import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { amphoraPaths } from "../../../core/drivers/amphora-paths.ts";
import type { AmphoraSpecification, ComputeDriver, ObservedAmphora } from "../../../core/drivers/compute-driver.ts";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import type { Log } from "../../../core/log.ts";
import type { ShimNetwork } from "../../../core/planning/networks.ts";
import { AmphoraNetwork } from "./amphora-network.ts";
import { BOOT_MARK, packBootFiles } from "./boot-archive.ts";
import { Cgroups } from "./cgroups.ts";
import { boundLog, findInit, isRunning, killProcess, lastWordsOf, openLog } from "./init-process.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { admitMachine, availableMemoryBytes, settleBridgeFilter } from "./machine.ts";
import { bridgeName, INSTANCE, isAmphoraId, namespaceName, shortIdOf, shortIdOfNamespace } from "./names.ts";
import { Namespaces } from "./namespaces.ts";
import { ProgramFailed, type Programs, realPrograms } from "./programs.ts";

export interface NetnsDriverOptions {
  /** Prefix of every name on the machine. */
  instance: string;
  /** Amphorae live below `<state directory>/amphorae`; nothing is written elsewhere. */
  stateDirectory: string;
  networks: readonly ShimNetwork[];
  /** The bundled agent, one file. */
  agentBundle: string;
  amphoraeMax: number;
  /** What one more amphora must find free. */
  memoryPerAmphoraBytes: number;
  log: Log;
  programs?: Programs;
}

const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 10_000;
const ADMIT_TIMEOUT_MS = 10_000;
/** A young generation of 1 MB, always; the old one bounded far above what an agent needs. */
const AGENT_NODE_FLAGS = "--max-semi-space-size=1 --max-old-space-size=96";
const scripts = import.meta.dirname;

/**
 * An amphora as a set of namespaces of this machine. Boot files are read when its init starts, as a config drive is.
 * Everything is looked up on the machine, nothing remembered: a controller that was killed goes on where it was.
 */
export class NetnsDriver implements ComputeDriver {
  readonly name = "netns";
  readonly #options: NetnsDriverOptions;
  readonly #programs: Programs;
  readonly #namespaces: Namespaces;
  readonly #network: AmphoraNetwork;
  readonly #locks = new KeyedLock();
  readonly #said = new Set<string>();
  #cgroups: Cgroups | undefined;
  #machineAdmitted = false;

  constructor(options: NetnsDriverOptions) {
    if (!INSTANCE.test(options.instance)) throw new Error(`instance "${options.instance}" does not match ${INSTANCE}`);
    this.#options = options;
    this.#programs = options.programs ?? realPrograms;
    this.#namespaces = new Namespaces(this.#programs);
    this.#network = new AmphoraNetwork(options.instance, options.networks, this.#programs, this.#namespaces);
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await this.#explain("the networks of this machine", signal, async () => {
      await admitMachine(this.#programs, signal);
      await mkdir(this.#amphoraeFolder(), { recursive: true, mode: 0o700 });
      await this.#network.ensureBridges(signal);
      const warning = await settleBridgeFilter(this.#programs, this.#namespaces, signal);
      if (warning) this.#warnOnce("bridge-filter.drops", warning);
    });
  }

  async hasNetworks(): Promise<boolean> {
    // The links of this process's own network namespace, whatever /sys is mounted over (proc_net(5)).
    const text = await readFile("/proc/self/net/dev", "utf8");
    const names = new Set(text.split("\n").map((line) => line.split(":")[0]?.trim()));
    const { instance, networks } = this.#options;
    return networks.every((network) => names.has(bridgeName(instance, network.role)));
  }

  async admit(): Promise<void> {
    if (!this.#machineAdmitted) await admitMachine(this.#programs, AbortSignal.timeout(ADMIT_TIMEOUT_MS));
    this.#machineAdmitted = true;
    const { amphoraeMax, memoryPerAmphoraBytes } = this.#options;
    const count = (await this.#amphoraIds()).length;
    if (count >= amphoraeMax) {
      throw new DriverError("out-of-resources", `${count} amphorae run here already, and ${amphoraeMax} is the limit`);
    }
    const available = await availableMemoryBytes();
    if (available < memoryPerAmphoraBytes) {
      const [has, needs] = [available, memoryPerAmphoraBytes].map((bytes) => Math.floor(bytes / 2 ** 20));
      throw new DriverError("out-of-resources", `one more amphora needs ${needs} MiB of memory, ${has} MiB are free`);
    }
  }

  async ensure(specification: AmphoraSpecification, signal: AbortSignal): Promise<void> {
    const { amphoraId } = specification;
    await this.#locks.run(this.#lockOf(amphoraId), () =>
      this.#explain(`amphora ${amphoraId}`, signal, () => this.#ensure(specification, signal)),
    );
  }

  async observe(): Promise<ObservedAmphora[]> {
    return Promise.all(
      (await this.#amphoraIds()).map(async (amphoraId) => ({
        amphoraId,
        running: (await findInit(this.#folderOf(amphoraId))) !== undefined,
      })),
    );
  }

  async destroy(amphoraId: string, signal: AbortSignal): Promise<void> {
    await this.#locks.run(this.#lockOf(amphoraId), () =>
      this.#explain(`the end of amphora ${amphoraId}`, signal, async () => {
        await this.#destroy(shortIdOf(amphoraId), [this.#folderOf(amphoraId)], signal);
        this.#network.forget(amphoraId);
      }),
    );
  }

  async destroyAll(signal: AbortSignal): Promise<void> {
    const { instance } = this.#options;
    for (const amphoraId of await this.#amphoraIds()) await this.destroy(amphoraId, signal);
    await this.#explain("the end of everything", signal, async () => {
      const cgroups = await this.#openCgroups();
      // What has no folder any more: somebody removed the state by hand.
      const shortIds = new Set([
        ...(await this.#network.list(signal)),
        ...(await this.#namespaces.list()).flatMap((name) => shortIdOfNamespace(instance, name) ?? []),
        ...(await cgroups.list()),
      ]);
      for (const shortId of shortIds) {
        await this.#locks.run(shortId, () => this.#destroy(shortId, [], signal));
      }
      await this.#network.removeBridges(signal);
      await cgroups.removeInstance();
      await rm(this.#amphoraeFolder(), { recursive: true, force: true });
    });
  }

  async #ensure(specification: AmphoraSpecification, signal: AbortSignal): Promise<void> {
    const { amphoraId, memoryMaxBytes, processesMax } = specification;
    const shortId = shortIdOf(amphoraId);
    const twin = (await this.#amphoraIds()).find((id) => id !== amphoraId && shortIdOf(id) === shortId);
    if (twin) throw new DriverError("other", `its id begins like that of ${twin}, which uses the names it would get`);
    const bootFiles = await packBootFiles(specification.bootFiles);

    // The folder comes first and goes last: whatever exists of an amphora, its folder tells its id.
    const folder = this.#folderOf(amphoraId);
    await mkdir(join(folder, "octavia"), { recursive: true, mode: 0o755 });
    await mkdir(join(folder, "root"), { recursive: true, mode: 0o700 });
    await boundLog(folder);
    const cgroups = await this.#openCgroups();
    const { processFiles, problems } = await cgroups.ensure(shortId, { memoryMaxBytes, processesMax });
    if (problems.length > 0) {
      this.#warnOnce("amphora.unlimited", `amphorae run without all of their limits: ${problems.join("; ")}`);
    }
    const init = await findInit(folder);
    await this.#namespaces.ensure(namespaceName(this.#options.instance, shortId), init?.pid, signal);
    await this.#network.ensure(specification, signal);
    if (!init) await this.#startInit(amphoraId, bootFiles, processFiles, signal);
  }

  async #startInit(amphoraId: string, bootFiles: Buffer, processFiles: string[], signal: AbortSignal): Promise<void> {
    const folder = this.#folderOf(amphoraId);
    const namespace = this.#namespaces.pathOf(namespaceName(this.#options.instance, shortIdOf(amphoraId)));
    const enter = [join(scripts, "enter.sh"), ...processFiles, "--", "nsenter", `--net=${namespace}`];
    const unshare = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork"];
    const { agentConfiguration, kraterConfiguration } = amphoraPaths;
    const agent = [process.execPath, this.#options.agentBundle, AGENT_NODE_FLAGS];
    const files = ["--config-file", agentConfiguration, "--config-file", kraterConfiguration];
    const init = ["sh", join(scripts, "init.sh"), folder, `amphora-${amphoraId}`, BOOT_MARK, ...agent, ...files];
    if (await findInit(folder)) return; // quicker than we were
    // An amphora starts from nothing: also where its folder, and so its init, was forgotten while it ran.
    await this.#endProcesses(shortIdOf(amphoraId), [], signal);
    const log = await openLog(folder);
    try {
      await this.#programs.launch("sh", [...enter, ...unshare, ...init], {
        signal,
        input: bootFiles,
        logDescriptor: log.descriptor,
        timeoutMs: START_TIMEOUT_MS,
      });
    } catch (cause) {
      signal.throwIfAborted();
      const words = await lastWordsOf(folder, log.size);
      if (words === "" || !(cause instanceof ProgramFailed)) throw cause;
      // One that a controller started just before it was killed was quicker, and is as good.
      if (words === "this amphora already has an init" && (await findInit(folder))) return;
      throw new Error(`its init says: ${words}`, { cause });
    } finally {
      await log.close();
    }
    this.#options.log.info({ event: "amphora.started", amphoraId }, "amphora started");
  }

  async #destroy(shortId: string, folders: string[], signal: AbortSignal): Promise<void> {
    const name = namespaceName(this.#options.instance, shortId);
    const cgroups = await this.#openCgroups();
    await this.#endProcesses(shortId, folders, signal);
    await this.#network.removeLegs(shortId, signal);
    await this.#namespaces.delete(name, signal);
    await this.#until(signal, "its control groups are still in use", () => cgroups.remove(shortId));
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }

  /** Ends the init, and with it everything it holds, and what else lives in the amphora's groups and namespace. */
  async #endProcesses(shortId: string, folders: string[], signal: AbortSignal): Promise<void> {
    const name = namespaceName(this.#options.instance, shortId);
    const cgroups = await this.#openCgroups();
    await this.#until(signal, "its processes do not end", async () => {
      await cgroups.kill(shortId);
      const inits = await Promise.all(folders.map(findInit));
      const found = new Set([
        ...inits.flatMap((init) => init?.pid ?? []),
        ...(await cgroups.processes(shortId)),
        ...(await this.#namespaces.processes(name)),
      ]);
      for (const pid of found) killProcess(pid);
      return (await Promise.all([...found].map(isRunning))).every((running) => !running);
    });
  }

  async #until(signal: AbortSignal, otherwise: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + END_TIMEOUT_MS;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(otherwise);
      await sleep(10, undefined, { signal });
    }
  }

  async #openCgroups(): Promise<Cgroups> {
    this.#cgroups ??= await Cgroups.ofMachine(this.#options.instance);
    return this.#cgroups;
  }

  async #amphoraIds(): Promise<string[]> {
    const names = await readdir(this.#amphoraeFolder()).catch(() => []);
    return names.filter(isAmphoraId);
  }

  #amphoraeFolder(): string {
    return join(this.#options.stateDirectory, "amphorae");
  }

  #folderOf(amphoraId: string): string {
    return join(this.#amphoraeFolder(), amphoraId);
  }

  #lockOf(amphoraId: string): string {
    if (!isAmphoraId(amphoraId)) throw new DriverError("other", `${JSON.stringify(amphoraId)} is not an amphora id`);
    return shortIdOf(amphoraId);
  }

  #warnOnce(event: string, message: string): void {
    if (this.#said.has(event)) return;
    this.#said.add(event);
    this.#options.log.warn({ event }, message);
  }

  /** Failures of programs and files become words for the API's user. */
  async #explain(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof DriverError) throw cause;
      const full =
        /ENOSPC|EDQUOT|ENOMEM|EAGAIN|EMFILE|ENFILE|No space left|Cannot allocate memory|Resource temporarily/;
      const message = cause instanceof Error ? cause.message : String(cause);
      const kind = full.test(message) ? "out-of-resources" : "other";
      throw new DriverError(kind, `${what}: ${message}`, { cause });
    }
  }
}
