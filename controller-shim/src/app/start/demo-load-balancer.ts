import type { ShimStatus } from "../../core/api/shim-status.ts";
import { type ApiClient, ApiRefused } from "../krater/api-client.ts";
import { Fatal, until } from "./deadline.ts";

/** The demo's load balancer as a client of the v2 API sees it: what the view shows and the check proves. */
export interface LoadBalancerView {
  id: string;
  name: string;
  provisioning_status: string;
  operating_status: string;
  vip_address: string;
}
export interface MemberView {
  id: string;
  name: string;
  address: string;
  protocol_port: number;
  weight: number;
  operating_status: string;
  provisioning_status: string;
}
export interface AmphoraView {
  id: string;
  loadbalancer_id: string;
  status: string;
  role: string;
  lb_network_ip: string;
}
interface Subnet {
  id: string;
  cidr: string;
  gateway_ip?: string;
}

/** What a client may wait for one change: an amphora boots in it, with room for a busy machine. */
const CHANGE_SECONDS = 30;

export class DemoLoadBalancer {
  readonly id: string;
  readonly vipAddress: string;
  readonly listenerId: string;
  readonly poolId: string;
  readonly #api: ApiClient;
  readonly #memberSubnetId: string;

  private constructor(
    api: ApiClient,
    ids: { id: string; vipAddress: string; listenerId: string; poolId: string; memberSubnetId: string },
  ) {
    this.#api = api;
    this.id = ids.id;
    this.vipAddress = ids.vipAddress;
    this.listenerId = ids.listenerId;
    this.poolId = ids.poolId;
    this.#memberSubnetId = ids.memberSubnetId;
  }

  /** One call after another, each waited for, as `openstack loadbalancer ... --wait` does. */
  static async create(
    api: ApiClient,
    networks: { vip: string; members: string },
    report: (line: string) => void,
    signal: AbortSignal,
  ): Promise<DemoLoadBalancer> {
    const vipSubnet = await findSubnet(api, networks.vip, signal);
    const memberSubnet = await findSubnet(api, networks.members, signal);
    report("creating load balancer demo: the amphora boots");
    const { loadbalancer } = await api.post<{ loadbalancer: LoadBalancerView }>(
      "/v2.0/lbaas/loadbalancers",
      { loadbalancer: { name: "demo", vip_subnet_id: vipSubnet.id } },
      signal,
    );
    const lb = loadbalancer.id;
    const applied = () => waitUntilApplied(api, lb, signal);
    await applied();
    report("creating listener http, pool web, HTTP monitor");
    const { listener } = await api.post<{ listener: { id: string } }>(
      "/v2.0/lbaas/listeners",
      { listener: { loadbalancer_id: lb, name: "http", protocol: "HTTP", protocol_port: 80 } },
      signal,
    );
    await applied();
    const { pool } = await api.post<{ pool: { id: string } }>(
      "/v2.0/lbaas/pools",
      { pool: { listener_id: listener.id, name: "web", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" } },
      signal,
    );
    await applied();
    await api.post(
      "/v2.0/lbaas/healthmonitors",
      {
        healthmonitor: {
          pool_id: pool.id,
          type: "HTTP",
          url_path: "/health",
          delay: 1,
          timeout: 1,
          max_retries: 1,
          max_retries_down: 2,
        },
      },
      signal,
    );
    await applied();
    return new DemoLoadBalancer(api, {
      id: lb,
      vipAddress: loadbalancer.vip_address,
      listenerId: listener.id,
      poolId: pool.id,
      memberSubnetId: memberSubnet.id,
    });
  }

  get vipUrl(): string {
    return `http://${this.vipAddress}/`;
  }

  async addMember(member: { name: string; address: string; port: number }, signal: AbortSignal): Promise<void> {
    await this.change(signal, () =>
      this.#api.post(
        `/v2.0/lbaas/pools/${this.poolId}/members`,
        {
          member: {
            name: member.name,
            address: member.address,
            protocol_port: member.port,
            subnet_id: this.#memberSubnetId,
          },
        },
        signal,
      ),
    );
  }

  async setWeight(memberId: string, weight: number, signal: AbortSignal): Promise<void> {
    await this.change(signal, () =>
      this.#api.put(`/v2.0/lbaas/pools/${this.poolId}/members/${memberId}`, { member: { weight } }, signal),
    );
  }

  /** Requests whose path is `path` are refused (403) from now on. Gives the policy's id. */
  async rejectPath(path: string, signal: AbortSignal): Promise<string> {
    const { l7policy } = await this.change(signal, () =>
      this.#api.post<{ l7policy: { id: string } }>(
        "/v2.0/lbaas/l7policies",
        { l7policy: { listener_id: this.listenerId, name: "closed", action: "REJECT" } },
        signal,
      ),
    );
    await this.change(signal, () =>
      this.#api.post(
        `/v2.0/lbaas/l7policies/${l7policy.id}/rules`,
        { rule: { type: "PATH", compare_type: "EQUAL_TO", value: path } },
        signal,
      ),
    );
    return l7policy.id;
  }

  async removePolicy(id: string, signal: AbortSignal): Promise<void> {
    await this.change(signal, () => this.#api.delete(`/v2.0/lbaas/l7policies/${id}`, signal));
  }

  /** Waits until the load balancer may be changed, changes it, waits until the change is live. */
  async change<Answer>(signal: AbortSignal, write: () => Promise<Answer>): Promise<Answer> {
    await waitUntilApplied(this.#api, this.id, signal);
    const answer = await write();
    await waitUntilApplied(this.#api, this.id, signal);
    return answer;
  }

  async show(signal: AbortSignal): Promise<LoadBalancerView> {
    const path = `/v2.0/lbaas/loadbalancers/${this.id}`;
    return (await this.#api.get<{ loadbalancer: LoadBalancerView }>(path, signal)).loadbalancer;
  }

  async members(signal: AbortSignal): Promise<MemberView[]> {
    const path = `/v2.0/lbaas/pools/${this.poolId}/members`;
    return (await this.#api.get<{ members: MemberView[] }>(path, signal)).members;
  }

  async amphorae(signal: AbortSignal): Promise<AmphoraView[]> {
    const path = `/v2.0/octavia/amphorae?loadbalancer_id=${this.id}`;
    return (await this.#api.get<{ amphorae: AmphoraView[] }>(path, signal)).amphorae;
  }
}

/** The member network's own router: on this machine its bridge. */
export async function gatewayOf(api: ApiClient, cidr: string, signal: AbortSignal): Promise<string> {
  return (await findSubnet(api, cidr, signal)).gateway_ip ?? cidr.replace(/0\/24$/, "1");
}

async function findSubnet(api: ApiClient, cidr: string, signal: AbortSignal): Promise<Subnet> {
  const { subnets } = await api.get<{ subnets: Subnet[] }>("/v2.0/subnets", signal);
  const subnet = subnets.find((each) => each.cidr === cidr);
  if (!subnet) throw new Error(`the shim lists no subnet ${cidr} (it has ${subnets.map((s) => s.cidr).join(", ")})`);
  return subnet;
}

/** PENDING_* ends in ACTIVE or ERROR; ERROR does not heal by waiting. */
async function waitUntilApplied(api: ApiClient, id: string, signal: AbortSignal): Promise<void> {
  let seen = "";
  await until("the load balancer to be ACTIVE", { seconds: CHANGE_SECONDS, signal, describe: () => seen }, async () => {
    const path = `/v2.0/lbaas/loadbalancers/${id}`;
    const { loadbalancer } = await api.get<{ loadbalancer: LoadBalancerView }>(path, signal).catch((error) => {
      throw error instanceof ApiRefused && error.status === 404 ? new Fatal("the load balancer is gone") : error;
    });
    seen = loadbalancer.provisioning_status;
    if (seen === "ERROR") throw new Fatal(`the load balancer went to ERROR: ${await reasonOf(api, id, signal)}`);
    return seen === "ACTIVE" ? true : undefined;
  });
}

async function reasonOf(api: ApiClient, id: string, signal: AbortSignal): Promise<string> {
  const status = await api.get<ShimStatus>("/krater/v1/status", signal).catch(() => undefined);
  return status?.load_balancers.find((each) => each.id === id)?.error ?? "no reason is known";
}
