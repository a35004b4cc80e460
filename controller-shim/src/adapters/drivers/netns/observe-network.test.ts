import { expect, test } from "vitest";
import { dropsForwarded, parseDefaultGateways, parseLinks } from "./observe-network.ts";

// As iproute2 6.1 prints them, counters and timers left out.
const bridge = `{"ifindex":2,"ifname":"krater-vip","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1500,
"operstate":"DOWN","address":"02:00:00:00:00:01","linkinfo":{"info_kind":"bridge","info_data":{"forward_delay":0,
"stp_state":0,"bridge_id":"8000.2:0:0:0:0:1","mcast_snooping":0}},"addr_info":[{"family":"inet","local":"198.18.1.1",
"prefixlen":24,"scope":"global"},{"family":"inet6","local":"fe80::ff:fe00:1","prefixlen":64,"scope":"link"}]}`;
const veth = `{"ifindex":3,"link_index":2,"ifname":"krater0123abcd1","flags":["BROADCAST","MULTICAST"],
"master":"krater-vip","address":"02:00:00:00:00:02","link_netnsid":0,"linkinfo":{"info_kind":"veth"},"addr_info":[]}`;

test.for([
  { name: "no links", json: "[]" },
  { name: "links that a filter left out", json: "[{},{}]" },
])("$name are no links", ({ json }) => {
  expect(parseLinks(json)).toEqual([]);
});

test.for(["", "{}", '[{"ifname":1}]', '[{"ifname":"x","ifindex":1,"flags":"UP"}]'])(
  "%s is not a list of links",
  (json) => {
    expect(() => parseLinks(json)).toThrow();
  },
);

test("a bridge and the end of a pair are read with what a plan needs; addresses of the kernel's own are not", () => {
  expect(parseLinks(`[${bridge},{},${veth}]`)).toEqual([
    {
      name: "krater-vip",
      index: 2,
      peerIndex: undefined,
      kind: "bridge",
      master: undefined,
      up: true,
      mac: "02:00:00:00:00:01",
      addresses: ["198.18.1.1/24"],
      bridge: { stp: false, forwardDelay: 0, multicastSnooping: false },
    },
    {
      name: "krater0123abcd1",
      index: 3,
      peerIndex: 2,
      kind: "veth",
      master: "krater-vip",
      up: false,
      mac: "02:00:00:00:00:02",
      addresses: [],
      bridge: undefined,
    },
  ]);
});

test("default routes are known by their gateways", () => {
  expect(parseDefaultGateways("[ ]")).toEqual([]);
  expect(
    parseDefaultGateways('[{"dst":"default","gateway":"198.18.1.1","dev":"eth1"},{"dst":"default","dev":"x"}]'),
  ).toEqual(["198.18.1.1"]);
});

test.for([
  { name: "no rules at all", chains: [], want: false },
  { name: "a chain at no hook", chains: [{ name: "other" }], want: false },
  { name: "a forward filter that accepts", chains: [{ hook: "forward", policy: "accept" }], want: false },
  { name: "an input filter that drops", chains: [{ hook: "input", policy: "drop" }], want: false },
  { name: "a forward filter that drops", chains: [{ name: "o" }, { hook: "forward", policy: "drop" }], want: true },
])("$name drops what is forwarded: $want", ({ chains, want }) => {
  // As nft 1.0.6 prints it: its own version first.
  const metainfo = { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 };
  expect(dropsForwarded(JSON.stringify({ nftables: [{ metainfo }, ...chains.map((chain) => ({ chain }))] }))).toBe(
    want,
  );
});
