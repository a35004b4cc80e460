import { isIP } from "node:net";
import type { AmphoraSpecification } from "../../../core/drivers/compute-driver.ts";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import type { ShimNetwork } from "../../../core/planning/networks.ts";
import { kernelSettings } from "./kernel-settings.ts";
import { bridgeName, isLegName, namespaceName, shortIdOf, shortIdOfHostLink } from "./names.ts";
import type { Namespaces } from "./namespaces.ts";
import { type ObservedLink, type ObservedNamespace, parseDefaultGateways, parseLinks } from "./observe-network.ts";
import { planBridges, planLegs } from "./plan-network.ts";
import { ProgramFailed, type Programs } from "./programs.ts";

/** A step may be overtaken (the kernel removes the links of a dead namespace in its own time): look again, this often. */
const ROUNDS = 6;
const ROUND_PAUSE_MS = 100;
const settingsScript = `${import.meta.dirname}/kernel-settings.sh`;

/** Bridges, veth pairs, addresses and routes: look, compare, do what is missing, until nothing is. */
export class AmphoraNetwork {
  readonly #instance: string;
  readonly #networks: readonly ShimNetwork[];
  readonly #programs: Programs;
  readonly #namespaces: Namespaces;
  /** Virtual addresses by amphora that this process has announced: after its own restart each is announced once more. */
  readonly #announced = new Map<string, Set<string>>();

  constructor(instance: string, networks: readonly ShimNetwork[], programs: Programs, namespaces: Namespaces) {
    this.#instance = instance;
    this.#networks = networks;
    this.#programs = programs;
    this.#namespaces = namespaces;
  }

  async ensureBridges(signal: AbortSignal): Promise<void> {
    await this.#converge(signal, async () => {
      const steps = planBridges(this.#instance, this.#networks, await this.#machineLinks(signal));
      await this.#batch([], steps, signal);
      return steps.length === 0;
    });
  }

  async ensure(specification: AmphoraSpecification, signal: AbortSignal): Promise<void> {
    this.#check(specification);
    const shortId = shortIdOf(specification.amphoraId);
    const namespace = namespaceName(this.#instance, shortId);
    const virtual = new Set(specification.legs.flatMap((leg) => leg.virtualAddresses));
    let announced = this.#announced.get(specification.amphoraId) ?? new Set();
    await this.#converge(signal, async () => {
      const [machine, inside] = await Promise.all([
        this.#machineLinks(signal),
        this.#namespaceState(namespace, signal),
      ]);
      const bridges = planBridges(this.#instance, this.#networks, machine);
      const legs = planLegs(
        {
          instance: this.#instance,
          shortId,
          namespace,
          legs: specification.legs,
          gateway: specification.gateway,
          bridgeOf: (subnetId) => bridgeName(this.#instance, this.#networkOf(subnetId).role),
          announce: virtual.difference(announced),
        },
        machine,
        inside,
      );
      if (!inside.links.some((link) => link.name === "lo" && link.up)) await this.#setKernel(namespace, signal);
      await this.#batch([], [...bridges, ...legs.machine], signal);
      await this.#batch(["-n", namespace], legs.inside, signal);
      if (legs.complete) announced = virtual;
      return bridges.length + legs.machine.length + legs.inside.length === 0;
    });
    this.#announced.set(specification.amphoraId, announced);
  }

  forget(amphoraId: string): void {
    this.#announced.delete(amphoraId);
  }

  /** Removes the machine's ends of one amphora's pairs; the other ends go with them. */
  async removeLegs(shortId: string, signal: AbortSignal): Promise<void> {
    await this.#remove((link) => shortIdOfHostLink(this.#instance, link.name) === shortId, signal);
  }

  async removeBridges(signal: AbortSignal): Promise<void> {
    const names = new Set(this.#networks.map((network) => bridgeName(this.#instance, network.role)));
    await this.#remove((link) => names.has(link.name), signal);
  }

  /** Amphorae that still have an end here. */
  async list(signal: AbortSignal): Promise<string[]> {
    const links = await this.#machineLinks(signal);
    return links.flatMap((link) => shortIdOfHostLink(this.#instance, link.name) ?? []);
  }

  async #remove(mine: (link: ObservedLink) => boolean, signal: AbortSignal): Promise<void> {
    await this.#converge(signal, async () => {
      const steps = (await this.#machineLinks(signal)).filter(mine).map((link) => `link del dev ${link.name}`);
      await this.#batch([], steps, signal);
      return steps.length === 0;
    });
  }

  async #converge(signal: AbortSignal, round: () => Promise<boolean>): Promise<void> {
    let last: unknown = new Error("what was set does not stay");
    for (let n = 0; n < ROUNDS; n++) {
      try {
        if (await round()) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ProgramFailed)) throw error;
        last = error;
        await new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS));
      }
    }
    throw last;
  }

  async #machineLinks(signal: AbortSignal): Promise<ObservedLink[]> {
    return parseLinks(await this.#programs.run("ip", ["-j", "-d", "address", "show"], { signal }));
  }

  async #namespaceState(namespace: string, signal: AbortSignal): Promise<ObservedNamespace> {
    const ip = (...args: string[]): Promise<string> => this.#programs.run("ip", ["-n", namespace, ...args], { signal });
    const [links, ...routes] = await Promise.all([
      ip("-j", "-d", "address", "show"),
      ip("-j", "-4", "route", "show", "default"),
      ip("-j", "-6", "route", "show", "default"),
    ]);
    return { links: parseLinks(links), defaultGateways: routes.flatMap(parseDefaultGateways) };
  }

  async #setKernel(namespace: string, signal: AbortSignal): Promise<void> {
    const settings = Object.entries(kernelSettings).map(([file, value]) => `${file}=${value}`);
    const inside = [`--net=${this.#namespaces.pathOf(namespace)}`, "sh", settingsScript, ...settings];
    await this.#programs.run("nsenter", inside, { signal });
  }

  async #batch(args: string[], steps: string[], signal: AbortSignal): Promise<void> {
    if (steps.length === 0) return;
    await this.#programs.run("ip", [...args, "-batch", "-"], { signal, input: `${steps.join("\n")}\n` });
  }

  #networkOf(subnetId: string): ShimNetwork {
    const network = this.#networks.find((each) => each.subnet.id === subnetId);
    if (!network) throw new DriverError("unsupported", `subnet ${subnetId} is not on this machine`);
    return network;
  }

  /** What goes into a batch is ours or an address: nothing else can slip a line into it. */
  #check(specification: AmphoraSpecification): void {
    const names = new Set<string>();
    for (const leg of specification.legs) {
      this.#networkOf(leg.subnetId);
      if (!isLegName(leg.name) || names.has(leg.name)) throw new DriverError("other", `no interface ${leg.name}`);
      names.add(leg.name);
      const bits = isIP(leg.address) === 6 ? 128 : 32;
      if (!Number.isInteger(leg.prefixLength) || leg.prefixLength < 1 || leg.prefixLength > bits) {
        throw new DriverError("other", `${leg.prefixLength} is not a prefix length of ${leg.address}`);
      }
    }
    const gateways = specification.gateway === undefined ? [] : [specification.gateway];
    const addresses = specification.legs.flatMap((leg) => [leg.address, ...leg.virtualAddresses]);
    const bad = [...addresses, ...gateways].find((address) => isIP(address) === 0);
    if (bad !== undefined) throw new DriverError("other", `${JSON.stringify(bad)} is not an IP address`);
  }
}
