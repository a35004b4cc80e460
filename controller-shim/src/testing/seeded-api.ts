import { createHealthMonitor } from "../core/api/health-monitors.ts";
import { createL7Policy } from "../core/api/l7policies.ts";
import { createL7Rule } from "../core/api/l7rules.ts";
import { createListener } from "../core/api/listeners.ts";
import { createLoadBalancer } from "../core/api/load-balancers.ts";
import { createMember } from "../core/api/members.ts";
import { createPool } from "../core/api/pools.ts";
import type { Shown } from "../core/api/representation.ts";
import type { Store } from "../core/store/store.ts";
import { ApiBench } from "./api-context.ts";
import { exampleNetworks } from "./example-networks.ts";

export const vipSubnetId = exampleNetworks[1]?.subnet.id ?? "";
export const memberSubnetId = exampleNetworks[2]?.subnet.id ?? "";

export interface SeededIds {
  loadBalancer: string;
  listener: string;
  pool: string;
  member: string;
  healthMonitor: string;
  policy: string;
  rule: string;
  /** A second load balancer with a pool of its own: somebody else's. */
  otherLoadBalancer: string;
  otherPool: string;
}

/** One of everything, applied: HTTP listener on port 80, its pool with member 203.0.113.11:80, monitor, policy, rule. */
export async function seededApi(store?: Store): Promise<{ api: ApiBench; ids: SeededIds }> {
  const api = new ApiBench(store);
  const one = async (made: Promise<Shown>): Promise<string> => {
    const [object] = Object.values(await made) as { id: string }[];
    await api.apply();
    return object?.id ?? "";
  };
  const loadBalancer = await one(createLoadBalancer(api, { name: "web", vip_subnet_id: vipSubnetId }));
  const listener = await one(
    createListener(api, { loadbalancer_id: loadBalancer, name: "http", protocol: "HTTP", protocol_port: 80 }),
  );
  const pool = await one(
    createPool(api, { listener_id: listener, name: "p", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" }),
  );
  const member = await one(createMember(api, pool, { name: "m", address: "203.0.113.11", protocol_port: 80 }));
  const monitor = { pool_id: pool, type: "HTTP", delay: 5, timeout: 3, max_retries: 2 };
  const healthMonitor = await one(createHealthMonitor(api, monitor));
  const policy = await one(
    createL7Policy(api, { listener_id: listener, action: "REDIRECT_TO_URL", redirect_url: "https://example.org/" }),
  );
  const rule = await one(createL7Rule(api, policy, { type: "PATH", compare_type: "STARTS_WITH", value: "/old" }));
  const otherLoadBalancer = await one(createLoadBalancer(api, { name: "other", vip_subnet_id: vipSubnetId }));
  const otherPool = await one(
    createPool(api, { loadbalancer_id: otherLoadBalancer, protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" }),
  );
  api.woken.length = 0;
  const below = { loadBalancer, listener, pool, member, healthMonitor, policy, rule };
  return { api, ids: { ...below, otherLoadBalancer, otherPool } };
}
