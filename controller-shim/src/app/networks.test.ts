import { expect, test } from "vitest";
import { defaultConfiguration } from "./config.ts";
import { networksOf } from "./networks.ts";

test("ids follow from instance and name, so that scripts may keep them", () => {
  const configuration = defaultConfiguration();
  const networks = networksOf(configuration);
  expect(networksOf(configuration)).toEqual(networks);
  const ids = networks.flatMap((network) => [network.id, network.subnet.id]);
  const others = networksOf({ ...configuration, instance: "demo" }).flatMap(({ id, subnet }) => [id, subnet.id]);
  expect(new Set([...ids, ...others]).size).toBe(12);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("the first address of each network is this machine's", () => {
  const networks = networksOf({
    instance: "t",
    networks: { management: "10.0.0.0/8", vip: "192.0.2.64/26", members: "198.51.100.0/24" },
  });
  expect(networks.map(({ name, role, subnet }) => [name, role, subnet.gateway])).toEqual([
    ["t-management", "management", "10.0.0.1"],
    ["t-vip", "vip", "192.0.2.65"],
    ["t-members", "member", "198.51.100.1"],
  ]);
});
