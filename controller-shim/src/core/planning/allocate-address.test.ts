import { expect, test } from "vitest";
import { exampleNetworks } from "../../testing/example-networks.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { allocateAddress } from "./allocate-address.ts";
import type { ShimNetwork } from "./networks.ts";

const vip = exampleNetworks[1] as ShimNetwork;
const small = (cidr: string, gateway: string): ShimNetwork => ({ ...vip, subnet: { ...vip.subnet, cidr, gateway } });
const ask = (store: MemoryStore, network: ShimNetwork, wanted?: string) =>
  store.transaction((tables) => allocateAddress(tables, network, { wanted, ownerId: "lb", purpose: "vip" }));

test.for([
  { name: "another network's", wanted: "203.0.113.7", why: "outside" },
  { name: "the network's own", wanted: "198.51.100.0", why: "outside" },
  { name: "the broadcast", wanted: "198.51.100.255", why: "outside" },
  { name: "no", wanted: "vip", why: "outside" },
  { name: "an IPv6", wanted: "2001:db8::1", why: "outside" },
  { name: "the gateway's", wanted: "198.51.100.1", why: "taken" },
  { name: "a given", wanted: "198.51.100.2", why: "taken" },
])("$name address is refused as $why", async ({ wanted, why }) => {
  const store = new MemoryStore();
  await ask(store, vip);
  await expect(ask(store, vip, wanted)).rejects.toMatchObject({ why, message: expect.stringContaining(wanted) });
  expect(await store.list("address")).toHaveLength(1);
});

test("the first free address is given, what was given back again, and the wanted one as it was written", async () => {
  const store = new MemoryStore();
  const first = await ask(store, vip);
  expect(first).toMatchObject({ address: "198.51.100.2", subnet_id: vip.subnet.id, owner_id: "lb", purpose: "vip" });
  expect((await ask(store, vip, "198.51.100.3")).address).toBe("198.51.100.3");
  expect((await ask(store, vip)).address).toBe("198.51.100.4");
  await store.remove("address", first.id);
  expect((await ask(store, vip)).address).toBe("198.51.100.2");
});

test.for([
  { cidr: "198.51.100.0/29", gateway: "198.51.100.1", usable: 5 },
  { cidr: "198.51.100.0/31", gateway: "198.51.100.0", usable: 1 },
  { cidr: "2001:db8::/125", gateway: "2001:db8::1", usable: 6 },
])("$cidr holds $usable addresses and then says it is exhausted", async ({ cidr, gateway, usable }) => {
  const store = new MemoryStore();
  for (let n = 0; n < usable; n++) await ask(store, small(cidr, gateway));
  await expect(ask(store, small(cidr, gateway))).rejects.toMatchObject({ why: "exhausted" });
  expect(new Set((await store.list("address")).map((row) => row.address)).size).toBe(usable);
});

test("a large IPv6 subnet is not walked through", async () => {
  const store = new MemoryStore();
  const row = await ask(store, small("2001:db8::/64", "2001:db8::1"));
  expect(row.address).toBe("2001:db8::2");
});
