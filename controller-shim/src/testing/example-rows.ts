import type {
  AmphoraRow,
  HealthMonitorRow,
  L7PolicyRow,
  L7RuleRow,
  ListenerRow,
  LoadBalancerRow,
  MemberRow,
  PoolRow,
} from "../core/store/rows.ts";

/** Rows as a fresh API write leaves them once applied, for tests that need some; `change` says what matters. */
const common = {
  project_id: "project",
  name: "",
  admin_state_up: true,
  provisioning_status: "ACTIVE",
  operating_status: "ONLINE",
  tags: [] as string[],
  created_at: "2026-01-31T12:34:56",
  updated_at: null,
} as const;

export function exampleLoadBalancer(change: Partial<LoadBalancerRow> = {}): LoadBalancerRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000001",
    description: "",
    vip_address: "198.18.1.10",
    vip_subnet_id: "20000000-0000-4000-8000-000000000001",
    vip_network_id: "20000000-0000-4000-8000-000000000002",
    vip_port_id: "20000000-0000-4000-8000-000000000003",
    vip_qos_policy_id: null,
    provider: "krater",
    flavor_id: null,
    availability_zone: null,
    wanted_revision: 1,
    applied_revision: 1,
    deleting: false,
    wanted_amphora_generation: 1,
    error: null,
    attempts: 0,
    next_attempt_at_ms: 0,
    lease_owner: null,
    lease_until_ms: 0,
    ...change,
  };
}

export function exampleListener(change: Partial<ListenerRow> = {}): ListenerRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000002",
    load_balancer_id: exampleLoadBalancer().id,
    description: "",
    protocol: "HTTP",
    protocol_port: 80,
    default_pool_id: null,
    connection_limit: -1,
    timeout_client_data: 50_000,
    timeout_member_connect: 5_000,
    timeout_member_data: 50_000,
    timeout_tcp_inspect: 0,
    insert_headers: {},
    allowed_cidrs: null,
    ...change,
  };
}

export function examplePool(change: Partial<PoolRow> = {}): PoolRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000003",
    load_balancer_id: exampleLoadBalancer().id,
    description: "",
    protocol: "HTTP",
    lb_algorithm: "ROUND_ROBIN",
    session_persistence: null,
    ...change,
  };
}

export function exampleMember(change: Partial<MemberRow> = {}): MemberRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000004",
    pool_id: examplePool().id,
    address: "198.18.2.11",
    protocol_port: 8080,
    weight: 1,
    backup: false,
    subnet_id: null,
    monitor_address: null,
    monitor_port: null,
    ...change,
  };
}

export function exampleHealthMonitor(change: Partial<HealthMonitorRow> = {}): HealthMonitorRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000005",
    pool_id: examplePool().id,
    type: "HTTP",
    delay: 2,
    timeout: 1,
    max_retries: 2,
    max_retries_down: 2,
    http_method: "GET",
    url_path: "/",
    expected_codes: "200",
    http_version: null,
    domain_name: null,
    ...change,
  };
}

export function exampleL7Policy(change: Partial<L7PolicyRow> = {}): L7PolicyRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000006",
    listener_id: exampleListener().id,
    description: "",
    action: "REJECT",
    redirect_pool_id: null,
    redirect_url: null,
    redirect_prefix: null,
    redirect_http_code: null,
    position: 1,
    ...change,
  };
}

export function exampleL7Rule(change: Partial<L7RuleRow> = {}): L7RuleRow {
  return {
    ...common,
    tags: [],
    id: "10000000-0000-4000-8000-000000000007",
    l7policy_id: exampleL7Policy().id,
    type: "PATH",
    compare_type: "STARTS_WITH",
    key: null,
    value: "/admin",
    invert: false,
    ...change,
  };
}

export function exampleAmphora(change: Partial<AmphoraRow> = {}): AmphoraRow {
  return {
    id: "10000000-0000-4000-8000-000000000008",
    load_balancer_id: exampleLoadBalancer().id,
    generation: 1,
    role: "STANDALONE",
    status: "ALLOCATED",
    compute_driver: "netns",
    compute_id: "10000000-0000-4000-8000-000000000008",
    lb_network_ip: "198.18.0.2",
    vrrp_ip: "198.18.1.2",
    ha_ip: "198.18.1.10",
    vrrp_port_id: "20000000-0000-4000-8000-000000000004",
    ha_port_id: "20000000-0000-4000-8000-000000000003",
    cert_expiration: "2027-01-31T12:34:56",
    applied_revision: 1,
    created_at: "2026-01-31T12:34:57",
    updated_at: null,
    ...change,
  };
}
