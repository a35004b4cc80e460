import { expect, test } from "vitest";
import { findHeldNetwork } from "./network-holder.ts";

const links = [
  { ifname: "tap0" },
  { ifname: "lo", addr_info: [{ local: "127.0.0.1" }] },
  { ifname: "eth0", addr_info: [{ local: "10.1.2.3" }, { local: "198.18.1.130" }] },
];

test.for([
  { name: "no network", networks: [], held: undefined },
  { name: "networks nobody has an address in", networks: ["198.18.0.0/24", "10.2.0.0/16"], held: undefined },
  { name: "the half a link's address is not in", networks: ["198.18.1.0/25"], held: undefined },
  {
    name: "the half it is in",
    networks: ["198.18.0.0/24", "198.18.1.128/25"],
    held: { network: "198.18.1.128/25", link: "eth0" },
  },
  { name: "a wide one around an address", networks: ["10.0.0.0/8"], held: { network: "10.0.0.0/8", link: "eth0" } },
])("$name: held is $held.network", ({ networks, held }) => {
  expect(findHeldNetwork(networks, links)).toEqual(held);
});
