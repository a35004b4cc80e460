import { randomUUID } from "node:crypto";
import type { AddressRow } from "../store/rows.ts";
import { StoreConflict, type Tables } from "../store/store.ts";
import { type Cidr, contains, formatIp, type Ip, parseCidr, parseIp, sizeOf } from "./ip.ts";
import type { ShimNetwork } from "./networks.ts";

/** Why an address cannot be had; the message is written for the API's user. */
export class AddressRefused extends Error {
  readonly why: "outside" | "taken" | "exhausted";

  constructor(why: AddressRefused["why"], message: string) {
    super(message);
    this.name = "AddressRefused";
    this.why = why;
  }
}

/**
 * Gives out one address of a network and stores it, inside the caller's transaction: the wanted one, or the first
 * free. Network address, broadcast address and gateway are never given out.
 */
export async function allocateAddress(
  tables: Tables,
  network: ShimNetwork,
  request: { wanted?: string | undefined; ownerId: string; purpose: AddressRow["purpose"] },
): Promise<AddressRow> {
  const subnet = cidrOf(network);
  const taken = new Set<bigint>([gatewayOf(network).value]);
  for (const row of await tables.list("address", { subnet_id: network.subnet.id })) {
    const ip = parseIp(row.address);
    if (ip) taken.add(ip.value);
  }
  const ip = request.wanted === undefined ? firstFree(network, subnet, taken) : wanted(network, subnet, taken, request);
  const row: AddressRow = {
    id: randomUUID(),
    subnet_id: network.subnet.id,
    // What the client asked for is given back as it was written: Terraform compares texts.
    address: request.wanted ?? formatIp(ip),
    owner_id: request.ownerId,
    purpose: request.purpose,
  };
  await tables.insert("address", row).catch((error: unknown) => {
    if (error instanceof StoreConflict) throw alreadyTaken(network, row.address);
    throw error;
  });
  return row;
}

function wanted(network: ShimNetwork, subnet: Cidr, taken: Set<bigint>, request: { wanted?: string | undefined }): Ip {
  const text = request.wanted ?? "";
  const ip = parseIp(text);
  if (!ip || !contains(subnet, ip) || !isHost(subnet, ip)) {
    throw new AddressRefused(
      "outside",
      `IP address ${text} is not a usable address of subnet ${network.subnet.name} (${network.subnet.cidr}).`,
    );
  }
  if (taken.has(ip.value)) throw alreadyTaken(network, text);
  return ip;
}

function firstFree(network: ShimNetwork, subnet: Cidr, taken: Set<bigint>): Ip {
  // Every turn passes one taken address, so this ends after as many turns as there are rows.
  for (let value = subnet.base; value < subnet.base + sizeOf(subnet); value++) {
    const ip = { version: subnet.version, value };
    if (isHost(subnet, ip) && !taken.has(value)) return ip;
  }
  throw new AddressRefused(
    "exhausted",
    `No more IP addresses available on subnet ${network.subnet.name} (${network.subnet.cidr}).`,
  );
}

function alreadyTaken(network: ShimNetwork, address: string): AddressRefused {
  return new AddressRefused("taken", `IP address ${address} of subnet ${network.subnet.name} is already in use.`);
}

/** /31, /32 and their IPv6 kin have no network and broadcast address (RFC 3021); IPv6 has no broadcast. */
function isHost(subnet: Cidr, ip: Ip): boolean {
  const size = sizeOf(subnet);
  if (size <= 2n) return true;
  if (ip.value === subnet.base) return false;
  return subnet.version === 6 || ip.value !== subnet.base + size - 1n;
}

function cidrOf(network: ShimNetwork): Cidr {
  const cidr = parseCidr(network.subnet.cidr);
  if (!cidr) throw new Error(`network ${network.name} has a malformed subnet ${network.subnet.cidr}`);
  return cidr;
}

function gatewayOf(network: ShimNetwork): Ip {
  const gateway = parseIp(network.subnet.gateway);
  if (!gateway) throw new Error(`network ${network.name} has a malformed gateway ${network.subnet.gateway}`);
  return gateway;
}
