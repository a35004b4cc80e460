import { createHash } from "node:crypto";
import type { ShimNetwork } from "../core/planning/networks.ts";
import type { ShimConfiguration } from "./config.ts";

/** Network and subnet of a role have one name: `krater-vip`. Their ids follow from it, so scripts may keep them. */
export function networksOf(configuration: Pick<ShimConfiguration, "instance" | "networks">): ShimNetwork[] {
  const { instance, networks } = configuration;
  const network = (role: ShimNetwork["role"], suffix: string, cidr: string): ShimNetwork => {
    const name = `${instance}-${suffix}`;
    const subnet = { id: uuidOf(`subnet ${name}`), name, cidr, gateway: firstAddressOf(cidr) };
    return { id: uuidOf(`network ${name}`), name, role, subnet };
  };
  return [
    network("management", "management", networks.management),
    network("vip", "vip", networks.vip),
    network("member", "members", networks.members),
  ];
}

/** RFC 9562, version 8: bits of one's own choosing, here a hash of the name. */
function uuidOf(name: string): string {
  const bytes = createHash("sha256").update(`krater ${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function firstAddressOf(cidr: string): string {
  const [base = ""] = cidr.split("/");
  return base.replace(/\d+$/, (last) => String(Number(last) + 1));
}
