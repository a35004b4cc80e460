import type { ShimNetwork } from "../core/planning/networks.ts";

/** The three networks of a shim, in the range RFC 5737 keeps for documentation. */
export const exampleNetworks: readonly ShimNetwork[] = [
  network("management", "1", "192.0.2.0/25", "192.0.2.1"),
  network("vip", "2", "198.51.100.0/24", "198.51.100.1"),
  network("member", "3", "203.0.113.0/24", "203.0.113.1"),
];

function network(role: ShimNetwork["role"], digit: string, cidr: string, gateway: string): ShimNetwork {
  return {
    id: `4000000${digit}-0000-4000-8000-000000000000`,
    name: `test-${role}`,
    role,
    subnet: { id: `5000000${digit}-0000-4000-8000-000000000000`, name: `test-${role}-subnet`, cidr, gateway },
  };
}
