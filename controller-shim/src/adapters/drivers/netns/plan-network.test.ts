import fc from "fast-check";
import { expect, test } from "vitest";
import type { NetworkLeg } from "../../../core/drivers/compute-driver.ts";
import { hostLinkName, macAddress } from "./names.ts";
import type { ObservedLink } from "./observe-network.ts";
import { planBridges, planLegs, type WantedLegs } from "./plan-network.ts";

const network = {
  id: "n",
  name: "vip",
  role: "vip",
  subnet: { id: "s", name: "s", cidr: "198.18.1.0/24", gateway: "198.18.1.1" },
} as const;
const hostLink = hostLinkName("krater", "0123abcd", "eth1");
const mac = macAddress(`${hostLink}/eth1`);
const lo = link({ name: "lo", index: 1 });
const outer = link({ name: hostLink, index: 7, peerIndex: 2, kind: "veth", master: "krater-vip" });
const inner = link({ name: "eth1", index: 2, peerIndex: 7, kind: "veth", mac, addresses: ["198.18.1.10/24"] });
const pair = `link add name ${hostLink} address ${macAddress(hostLink)} type veth peer name eth1 address ${mac} netns krater-0123abcd`;

test.for([
  {
    name: "a machine without the bridge gets it, with its address, before it comes up",
    observed: [lo],
    want: [
      `link add name krater-vip address ${macAddress("krater-vip")} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      "address add 198.18.1.1/24 dev krater-vip",
      "link set dev krater-vip up",
    ],
  },
  {
    name: "a bridge as it should be is left alone, with the addresses somebody gave it",
    observed: [bridge({ addresses: ["198.18.1.1/24", "192.0.2.1/24"] })],
    want: [],
  },
  {
    name: "a bridge that learns to fear loops is told not to",
    observed: [bridge({ bridge: { stp: true, forwardDelay: 1500, multicastSnooping: false } })],
    want: ["link set dev krater-vip type bridge stp_state 0 forward_delay 0 mcast_snooping 0"],
  },
  { name: "a bridge that is down comes up", observed: [bridge({ up: false })], want: ["link set dev krater-vip up"] },
])("$name", ({ observed, want }) => {
  expect(planBridges("krater", [network], observed)).toEqual(want);
});

test.for<{
  name: string;
  wanted?: Partial<WantedLegs>;
  machine?: ObservedLink[];
  inside?: ObservedLink[];
  gateways?: string[];
  want: { machine?: string[]; inside?: string[]; complete?: boolean };
}>([
  { name: "what is as wanted needs nothing", want: {} },
  {
    name: "a new namespace gets everything, addresses before the link comes up and announces them",
    machine: [],
    inside: [link({ name: "lo", index: 1, up: false })],
    gateways: [],
    want: {
      machine: [pair, `link set dev ${hostLink} master krater-vip`, `link set dev ${hostLink} up`],
      inside: [
        "link set dev lo up",
        "address add 198.18.1.10/24 dev eth1",
        "link set dev eth1 up",
        "route add default via 198.18.1.1",
      ],
    },
  },
  {
    name: "a pair whose other end is in a namespace that is gone is removed first",
    inside: [lo],
    want: { machine: [`link del dev ${hostLink}`], complete: false },
  },
  {
    name: "a pair whose ends do not belong together is removed first",
    inside: [lo, { ...inner, peerIndex: 8 }],
    want: { machine: [`link del dev ${hostLink}`], complete: false },
  },
  {
    name: "somebody's own link with the leg's name makes way",
    machine: [],
    want: { inside: ["link del dev eth1"], complete: false },
  },
  {
    name: "a pair that never reached its bridge is connected",
    machine: [{ ...outer, master: undefined, up: false }],
    want: { machine: [`link set dev ${hostLink} master krater-vip`, `link set dev ${hostLink} up`] },
  },
  {
    name: "a leg that is not wanted any more goes; another amphora's stays",
    machine: [outer, { ...outer, name: `${hostLink.slice(0, -1)}2` }, { ...outer, name: "krater0123abce1" }],
    want: { machine: [`link del dev ${hostLink.slice(0, -1)}2`] },
  },
  {
    name: "a VIP is added and announced",
    wanted: { legs: [leg({ virtualAddresses: ["198.18.1.100"] })], announce: new Set(["198.18.1.100"]) },
    want: { inside: ["address add 198.18.1.100/32 dev eth1", `link set dev eth1 address ${mac}`] },
  },
  {
    name: "a VIP that is held but perhaps not known is announced",
    wanted: { legs: [leg({ virtualAddresses: ["198.18.1.100"] })], announce: new Set(["198.18.1.100"]) },
    inside: [lo, { ...inner, addresses: ["198.18.1.10/24", "198.18.1.100/32"] }],
    want: { inside: [`link set dev eth1 address ${mac}`] },
  },
  {
    name: "a VIP that moved away is taken down",
    inside: [lo, { ...inner, addresses: ["198.18.1.10/24", "198.18.1.100/32"] }],
    want: { inside: ["address del 198.18.1.100/32 dev eth1"] },
  },
  {
    name: "an IPv6 VIP is known in any spelling",
    wanted: { legs: [leg({ virtualAddresses: ["2001:DB8:0:0::64"] })] },
    inside: [lo, { ...inner, addresses: ["198.18.1.10/24", "2001:db8::64/128"] }],
    want: {},
  },
  {
    name: "an IPv6 VIP is usable at once",
    wanted: { legs: [leg({ virtualAddresses: ["2001:db8::64"] })] },
    want: { inside: ["address add 2001:db8::64/128 dev eth1 nodad"] },
  },
  {
    name: "the default route changes its gateway",
    gateways: ["198.18.1.254"],
    want: { inside: ["route del default via 198.18.1.254", "route add default via 198.18.1.1"] },
  },
  {
    name: "a default route nobody wants goes",
    wanted: { gateway: undefined },
    want: { inside: ["route del default via 198.18.1.1"] },
  },
])("$name", ({ wanted, machine = [outer], inside = [lo, inner], gateways = ["198.18.1.1"], want }) => {
  const steps = planLegs({ ...plain(), ...wanted }, machine, { links: inside, defaultGateways: gateways });
  expect(steps).toEqual({ machine: [], inside: [], complete: true, ...want });
});

test("whatever is observed, a step removes nothing that is another amphora's", () => {
  const name = fc.oneof(
    fc.constantFrom("eth0", "eth1", "lo", "docker0", "krater-vip", "kraterff23abcd1", hostLink),
    fc.stringMatching(/^krater[0-9a-f]{8}[0-9a-z]$/),
  );
  const anyLink = fc.record({ name, index: fc.nat(9), peerIndex: fc.option(fc.nat(9), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(anyLink), fc.array(anyLink), (machine, inside) => {
      const steps = planLegs(plain(), machine.map(link), { links: inside.map(link), defaultGateways: [] });
      const removed = steps.machine.flatMap((step) => /^link del dev (.*)/.exec(step)?.[1] ?? []);
      return removed.every((each) => each.startsWith("krater0123abcd"));
    }),
  );
});

function plain(): WantedLegs {
  return {
    instance: "krater",
    shortId: "0123abcd",
    namespace: "krater-0123abcd",
    legs: [leg({})],
    gateway: "198.18.1.1",
    bridgeOf: () => "krater-vip",
    announce: new Set(),
  };
}

function leg(change: Partial<NetworkLeg>): NetworkLeg {
  return { name: "eth1", subnetId: "s", address: "198.18.1.10", prefixLength: 24, virtualAddresses: [], ...change };
}

function link(change: Partial<ObservedLink>): ObservedLink {
  return {
    name: "x",
    index: 0,
    peerIndex: undefined,
    kind: undefined,
    master: undefined,
    up: true,
    mac: "",
    addresses: [],
    bridge: undefined,
    ...change,
  };
}

function bridge(change: Partial<ObservedLink>): ObservedLink {
  return link({
    name: "krater-vip",
    index: 3,
    kind: "bridge",
    addresses: ["198.18.1.1/24"],
    bridge: { stp: false, forwardDelay: 0, multicastSnooping: false },
    ...change,
  });
}
