import type { AmphoraSpecification, NetworkLeg } from "../drivers/compute-driver.ts";
import { DriverError } from "../drivers/driver-error.ts";
import type { ShimNetwork } from "../planning/networks.ts";
import { isLive } from "../store/live.ts";
import type { LoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { AddressRow, AmphoraRow } from "../store/rows.ts";
import { bootFiles } from "./boot-files.ts";
import { type LifecycleSettings, networkOf } from "./lifecycle.ts";

/** The member networks an amphora needs a leg on, in the order the networks are configured: `eth2` stays `eth2`. */
export function memberNetworks(tree: LoadBalancerTree, networks: readonly ShimNetwork[]): ShimNetwork[] {
  const wanted = new Set<string>();
  for (const { pool, members } of tree.pools) {
    if (!isLive(pool)) continue;
    for (const member of members) if (isLive(member) && member.subnet_id !== null) wanted.add(member.subnet_id);
  }
  wanted.delete(networkOf(networks, "vip").subnet.id); // reached through the VIP leg
  const known = networks.filter((network) => wanted.delete(network.subnet.id));
  const [unknown] = wanted;
  if (unknown !== undefined) throw new DriverError("unsupported", `subnet ${unknown} is none of this controller's`);
  return known.filter((network) => network.role === "member");
}

export function amphoraSpecification(
  amphora: AmphoraRow,
  addresses: readonly AddressRow[],
  networks: readonly ShimNetwork[],
  options: {
    /** Undefined while another amphora may still hold it. */
    vipAddress: string | undefined;
    settings: LifecycleSettings;
    certificatePem: string;
    clientCaPem: string;
  },
): AmphoraSpecification {
  const { settings } = options;
  const management = networkOf(networks, "management");
  const vip = networkOf(networks, "vip");
  const legOn = (name: string, network: ShimNetwork, virtualAddresses: string[] = []): NetworkLeg[] => {
    const own = addresses.find((address) => address.subnet_id === network.subnet.id && address.purpose !== "vip");
    if (!own) return [];
    const prefixLength = Number(network.subnet.cidr.split("/")[1]);
    return [{ name, subnetId: network.subnet.id, address: own.address, prefixLength, virtualAddresses }];
  };
  const members = networks.filter((network) => network.role === "member");
  return {
    amphoraId: amphora.id,
    bootFiles: bootFiles({
      amphoraId: amphora.id,
      managementAddress: amphora.lb_network_ip,
      heartbeatReceiver: `${management.subnet.gateway}:${settings.heartbeatPort}`,
      heartbeatIntervalS: settings.heartbeatIntervalS,
      heartbeatKey: settings.heartbeatKey,
      certificatePem: options.certificatePem,
      clientCaPem: options.clientCaPem,
    }),
    legs: [
      ...legOn("eth0", management),
      ...legOn("eth1", vip, options.vipAddress === undefined ? [] : [options.vipAddress]),
      ...members.flatMap((network, index) => legOn(`eth${2 + index}`, network)),
    ],
    gateway: vip.subnet.gateway,
    memoryMaxBytes: settings.memoryMaxBytes,
    processesMax: settings.processesMax,
  };
}
