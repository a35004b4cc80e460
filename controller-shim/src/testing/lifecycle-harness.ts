import type { Clock } from "../core/clock.ts";
import { BoundedEventLog } from "../core/events/event-log.ts";
import type { Lifecycle, LifecycleSettings } from "../core/lifecycle/lifecycle.ts";
import type { Log } from "../core/log.ts";
import { allocateAddress } from "../core/planning/allocate-address.ts";
import type { Store } from "../core/store/store.ts";
import { exampleNetworks } from "./example-networks.ts";
import { exampleListener, exampleLoadBalancer, exampleMember, examplePool } from "./example-rows.ts";
import type { FakeProcess } from "./fake-machine.ts";

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const lifecycleSettings: LifecycleSettings = {
  deadlineMs: 60_000,
  bootMs: 10_000,
  memoryMaxBytes: 2 ** 28,
  processesMax: 64,
  heartbeatKey: "example-key",
  heartbeatIntervalS: 5,
  heartbeatPort: 5555,
};

export function lifecycleOf(
  process: FakeProcess,
  clock: Clock,
  owner: string,
  change: Partial<LifecycleSettings> = {},
): Lifecycle & { events: BoundedEventLog } {
  return {
    store: process.store,
    compute: process.compute,
    amphoraDriver: process.amphoraDriver,
    agent: process.agent,
    authority: {
      clientCaPem: "client CA",
      issueAmphoraCertificate: async (id) => ({ pem: `certificate of ${id}`, notAfter: new Date(clock.nowMs()) }),
    },
    networks: exampleNetworks,
    allocateAddress,
    clock,
    log: silentLog,
    events: new BoundedEventLog(clock),
    settings: { ...lifecycleSettings, ...change },
    owner,
    onApplied: () => undefined,
  };
}

export const exampleVip = "198.51.100.10";

/** A load balancer as the API has just accepted it: VIP given out, listener, pool and member waiting. */
export async function storePendingLoadBalancer(store: Store): Promise<string> {
  const [, vip, members] = exampleNetworks;
  const pending = { provisioning_status: "PENDING_CREATE", operating_status: "OFFLINE" } as const;
  const loadBalancer = exampleLoadBalancer({
    ...pending,
    vip_address: exampleVip,
    vip_subnet_id: vip?.subnet.id ?? "",
    applied_revision: 0,
  });
  await store.transaction(async (tables) => {
    await tables.insert("load_balancer", loadBalancer);
    if (vip) await allocateAddress(tables, vip, { wanted: exampleVip, ownerId: loadBalancer.id, purpose: "vip" });
    await tables.insert("pool", examplePool(pending));
    await tables.insert("listener", exampleListener({ ...pending, default_pool_id: examplePool().id }));
    await tables.insert("member", exampleMember({ ...pending, subnet_id: members?.subnet.id ?? "" }));
  });
  return loadBalancer.id;
}
