import { isIPv6 } from "node:net";
import type { NetworkLeg } from "../../../core/drivers/compute-driver.ts";
import type { ShimNetwork } from "../../../core/planning/networks.ts";
import { bridgeName, hostLinkName, macAddress, shortIdOfHostLink } from "./names.ts";
import type { ObservedLink, ObservedNamespace } from "./observe-network.ts";

/** Lines for `ip -batch -`: `machine` where the bridges are, then `inside` the amphora's namespace. */
export interface NetworkSteps {
  machine: string[];
  inside: string[];
  /** False when these steps only clear the way and a look afterwards will ask for more. */
  complete: boolean;
}

/** Bridges as network.md measured them best: they forward from the first instant and learn nothing about multicast. */
export function planBridges(instance: string, networks: readonly ShimNetwork[], observed: ObservedLink[]): string[] {
  return networks.flatMap((network) => {
    const name = bridgeName(instance, network.role);
    const seen = observed.find((link) => link.name === name);
    const address = canonical(`${network.subnet.gateway}/${network.subnet.cidr.split("/")[1]}`);
    const options = "stp_state 0 forward_delay 0 mcast_snooping 0";
    const steps: string[] = [];
    if (!seen) steps.push(`link add name ${name} address ${macAddress(name)} type bridge ${options}`);
    else if (!seen.bridge || seen.bridge.stp || seen.bridge.forwardDelay !== 0 || seen.bridge.multicastSnooping)
      steps.push(`link set dev ${name} type bridge ${options}`);
    if (!seen?.addresses.map(canonical).includes(address)) steps.push(addAddress(address, name));
    if (!seen?.up) steps.push(`link set dev ${name} up`);
    return steps;
  });
}

export interface WantedLegs {
  instance: string;
  shortId: string;
  namespace: string;
  legs: readonly NetworkLeg[];
  gateway: string | undefined;
  /** Bridge of a subnet. */
  bridgeOf(subnetId: string): string;
  /** Virtual addresses the neighbours have not been told of yet. */
  announce: ReadonlySet<string>;
}

/** What is missing between an amphora's wanted and its observed network. Wanting the same twice yields nothing. */
export function planLegs(wanted: WantedLegs, machine: ObservedLink[], inside: ObservedNamespace): NetworkSteps {
  const steps: NetworkSteps = { machine: [], inside: [], complete: true };
  const hostNames = new Map(
    wanted.legs.map((leg) => [hostLinkName(wanted.instance, wanted.shortId, leg.name), leg] as const),
  );
  for (const link of machine) {
    const ours = shortIdOfHostLink(wanted.instance, link.name) === wanted.shortId;
    if (ours && !hostNames.has(link.name)) steps.machine.push(`link del dev ${link.name}`);
  }
  if (!inside.links.find((link) => link.name === "lo")?.up) steps.inside.push("link set dev lo up");
  for (const [hostName, leg] of hostNames) planLeg(wanted, hostName, leg, machine, inside, steps);
  steps.inside.push(...planDefaultRoute(wanted, inside));
  return steps;
}

function planLeg(
  wanted: WantedLegs,
  hostName: string,
  leg: NetworkLeg,
  machine: ObservedLink[],
  inside: ObservedNamespace,
  steps: NetworkSteps,
): void {
  const bridge = wanted.bridgeOf(leg.subnetId);
  const mac = macAddress(`${hostName}/${leg.name}`);
  const outer = machine.find((link) => link.name === hostName);
  const inner = inside.links.find((link) => link.name === leg.name);
  if ((outer || inner) && (outer?.index !== inner?.peerIndex || outer?.peerIndex !== inner?.index)) {
    // Ends that do not belong together: the namespace was made anew, or somebody made a link of this name. Out of the
    // way first; the next round makes the pair.
    if (outer) steps.machine.push(`link del dev ${hostName}`);
    else steps.inside.push(`link del dev ${leg.name}`);
    steps.complete = false;
    return;
  }
  // A pair comes into being whole, with its other end already inside.
  if (!outer) {
    const pair = `${hostName} address ${macAddress(hostName)} type veth peer name ${leg.name} address ${mac}`;
    steps.machine.push(`link add name ${pair} netns ${wanted.namespace}`);
  }
  if (outer?.master !== bridge) steps.machine.push(`link set dev ${hostName} master ${bridge}`);
  if (!outer?.up) steps.machine.push(`link set dev ${hostName} up`);

  const own = canonical(`${leg.address}/${leg.prefixLength}`);
  const virtual = leg.virtualAddresses.map((address) => canonical(`${address}/${isIPv6(address) ? 128 : 32}`));
  const seen = (inner?.addresses ?? []).map(canonical);
  for (const extra of seen) {
    if (extra !== own && !virtual.includes(extra)) steps.inside.push(`address del ${extra} dev ${leg.name}`);
  }
  for (const address of [own, ...virtual]) {
    if (!seen.includes(address)) steps.inside.push(addAddress(address, leg.name));
  }
  if (!inner?.up) steps.inside.push(`link set dev ${leg.name} up`);
  // With arp_notify and ndisc_notify a link that is given its own MAC address announces every address it has.
  const untold = leg.virtualAddresses.some((address) => wanted.announce.has(address));
  if (untold || (inner && inner.mac !== mac)) steps.inside.push(`link set dev ${leg.name} address ${mac}`);
}

function planDefaultRoute(wanted: WantedLegs, inside: ObservedNamespace): string[] {
  const gateway = wanted.gateway === undefined ? undefined : canonicalAddress(wanted.gateway);
  const seen = inside.defaultGateways.map(canonicalAddress);
  const steps = seen.filter((each) => each !== gateway).map((each) => `route del default via ${each}`);
  if (gateway !== undefined && !seen.includes(gateway)) steps.push(`route add default via ${gateway}`);
  return steps;
}

function addAddress(address: string, link: string): string {
  // Duplicate detection would keep an IPv6 address from being used for a second; our addresses are allocated.
  return `address add ${address} dev ${link}${isIPv6(address.split("/")[0] ?? "") ? " nodad" : ""}`;
}

function canonical(addressAndPrefix: string): string {
  const [address = "", prefix] = addressAndPrefix.split("/");
  return `${canonicalAddress(address)}/${prefix}`;
}

/** IPv6 as the kernel writes it (RFC 5952). */
function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
