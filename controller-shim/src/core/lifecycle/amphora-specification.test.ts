import { expect, test } from "vitest";
import { exampleNetworks } from "../../testing/example-networks.ts";
import { exampleMember } from "../../testing/example-rows.ts";
import { poolOf, treeOf } from "../../testing/example-trees.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeMachine } from "../../testing/fake-machine.ts";
import { lifecycleOf, storePendingLoadBalancer } from "../../testing/lifecycle-harness.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { memberNetworks } from "./amphora-specification.ts";
import { LoadBalancerReconciler } from "./reconcile-load-balancer.ts";

async function specificationOfNew() {
  const store = new MemoryStore();
  const machine = new FakeMachine();
  const id = await storePendingLoadBalancer(store);
  const life = lifecycleOf(machine.processOver(store), new FakeClock(), "test");
  await new LoadBalancerReconciler(life).reconcile(id, new AbortController().signal);
  const [amphora] = machine.amphorae.values();
  if (!amphora) throw new Error("no amphora");
  return amphora.specification;
}

test("an amphora gets a leg on each network, the VIP beside its own address, and the VIP network's router", async () => {
  const specification = await specificationOfNew();
  expect(specification.legs).toEqual([
    expect.objectContaining({ name: "eth0", address: "192.0.2.2", prefixLength: 25, virtualAddresses: [] }),
    expect.objectContaining({ name: "eth1", address: "198.51.100.2", virtualAddresses: ["198.51.100.10"] }),
    expect.objectContaining({ name: "eth2", address: "203.0.113.2", virtualAddresses: [] }),
  ]);
  expect(specification.gateway).toBe("198.51.100.1");
});

test("its agent is told what a stock controller tells, and our own settings in our own file", async () => {
  const { amphoraId, bootFiles } = await specificationOfNew();
  const content = (name: string) => bootFiles.find((file) => file.path.endsWith(name))?.content ?? "";
  for (const line of [
    "base_path = /var/lib/octavia",
    "bind_host = 192.0.2.2",
    "bind_port = 9443",
    "controller_ip_port_list = 192.0.2.1:5555",
    "heartbeat_interval = 5",
    "heartbeat_key = example-key",
    `amphora_id = ${amphoraId}`,
    "loadbalancer_topology = SINGLE",
  ]) {
    expect(content("amphora-agent.conf").split("\n")).toContain(line);
  }
  expect(content("krater.conf")).toBe(
    "[krater]\nsupervisor = spawn\nnetwork_namespace =\nrun_directory = /run/krater\n",
  );
  expect(content("server.pem")).toBe(`certificate of ${amphoraId}`);
  for (const file of bootFiles.filter(({ content }) => /example-key|certificate of/.test(content))) {
    expect(file.mode).toBe(0o600);
  }
});

test.for([
  { name: "no subnet: through the default route", subnet: null, want: [] },
  { name: "the VIP's subnet: through the VIP leg", subnet: exampleNetworks[1]?.subnet.id ?? "", want: [] },
  { name: "a member subnet: a leg of its own", subnet: exampleNetworks[2]?.subnet.id ?? "", want: ["test-member"] },
])("a member with $name", ({ subnet, want }) => {
  const tree = treeOf([], [poolOf(1, {}, [exampleMember({ subnet_id: subnet })])]);
  expect(memberNetworks(tree, exampleNetworks).map((network) => network.name)).toEqual(want);
});

test("a member on a subnet nobody here knows is refused, not forgotten", () => {
  const tree = treeOf([], [poolOf(1, {}, [exampleMember({ subnet_id: "elsewhere" })])]);
  expect(() => memberNetworks(tree, exampleNetworks)).toThrow("subnet elsewhere is none of this controller's");
});
