import type {
  AmphoraRow,
  HealthMonitorRow,
  L7PolicyRow,
  L7RuleRow,
  ListenerRow,
  LoadBalancerRow,
  MemberRow,
  PoolRow,
} from "../store/rows.ts";
import type { Relations } from "./relations.ts";

/** Rows as the v2 API shows them: exact types (Go clients check), lists never null, ids of relatives. */
export type Shown = Record<string, unknown>;

const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => ({ id }));

function common(row: Omit<LoadBalancerRow | ListenerRow | PoolRow, "description">): Shown {
  return {
    id: row.id,
    name: row.name,
    admin_state_up: row.admin_state_up,
    provisioning_status: row.provisioning_status,
    operating_status: row.operating_status,
    project_id: row.project_id,
    tenant_id: row.project_id,
    tags: row.tags,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

export function showLoadBalancer(row: LoadBalancerRow, relations: Relations): Shown {
  return {
    ...common(row),
    description: row.description,
    vip_address: row.vip_address,
    vip_subnet_id: row.vip_subnet_id,
    vip_network_id: row.vip_network_id,
    vip_port_id: row.vip_port_id,
    vip_qos_policy_id: row.vip_qos_policy_id,
    additional_vips: [],
    vip_vnic_type: "normal",
    vip_sg_ids: [],
    provider: row.provider,
    flavor_id: row.flavor_id,
    availability_zone: row.availability_zone,
    listeners: ids(relations.listenersOf(row.id)),
    pools: ids(relations.poolsOf(row.id)),
  };
}

export function showListener(row: ListenerRow, relations: Relations): Shown {
  return {
    ...common(row),
    description: row.description,
    protocol: row.protocol,
    protocol_port: row.protocol_port,
    connection_limit: row.connection_limit,
    timeout_client_data: row.timeout_client_data,
    timeout_member_connect: row.timeout_member_connect,
    timeout_member_data: row.timeout_member_data,
    timeout_tcp_inspect: row.timeout_tcp_inspect,
    insert_headers: row.insert_headers,
    allowed_cidrs: row.allowed_cidrs,
    default_pool_id: row.default_pool_id,
    default_tls_container_ref: null,
    sni_container_refs: [],
    client_authentication: "NONE",
    client_ca_tls_container_ref: null,
    client_crl_container_ref: null,
    tls_ciphers: null,
    tls_versions: null,
    alpn_protocols: null,
    hsts_max_age: null,
    hsts_include_subdomains: false,
    hsts_preload: false,
    loadbalancers: [{ id: row.load_balancer_id }],
    l7policies: ids(relations.policiesOf(row.id)),
  };
}

export function showPool(row: PoolRow, relations: Relations): Shown {
  return {
    ...common(row),
    description: row.description,
    protocol: row.protocol,
    lb_algorithm: row.lb_algorithm,
    session_persistence: row.session_persistence,
    tls_enabled: false,
    tls_container_ref: null,
    ca_tls_container_ref: null,
    crl_container_ref: null,
    tls_ciphers: null,
    tls_versions: null,
    alpn_protocols: null,
    healthmonitor_id: relations.monitorOf(row.id)?.id ?? null,
    loadbalancers: [{ id: row.load_balancer_id }],
    listeners: ids(relations.listenersUsing(row.id)),
    members: ids(relations.membersOf(row.id)),
  };
}

export function showMember(row: MemberRow): Shown {
  return {
    ...common(row),
    address: row.address,
    protocol_port: row.protocol_port,
    weight: row.weight,
    backup: row.backup,
    subnet_id: row.subnet_id,
    monitor_address: row.monitor_address,
    monitor_port: row.monitor_port,
    vnic_type: "normal",
  };
}

export function showHealthMonitor(row: HealthMonitorRow): Shown {
  return {
    ...common(row),
    type: row.type,
    delay: row.delay,
    timeout: row.timeout,
    max_retries: row.max_retries,
    max_retries_down: row.max_retries_down,
    http_method: row.http_method,
    url_path: row.url_path,
    expected_codes: row.expected_codes,
    http_version: row.http_version,
    domain_name: row.domain_name,
    pools: [{ id: row.pool_id }],
  };
}

export function showL7Policy(row: L7PolicyRow, relations: Relations): Shown {
  return {
    ...common(row),
    description: row.description,
    listener_id: row.listener_id,
    action: row.action,
    redirect_pool_id: row.redirect_pool_id,
    redirect_url: row.redirect_url,
    redirect_prefix: row.redirect_prefix,
    redirect_http_code: row.redirect_http_code,
    position: row.position,
    rules: ids(relations.rulesOf(row.id)),
  };
}

export function showL7Rule(row: L7RuleRow): Shown {
  const { name: _, ...shown } = common(row);
  return {
    ...shown,
    type: row.type,
    compare_type: row.compare_type,
    key: row.key,
    value: row.value,
    invert: row.invert,
  };
}

export function showAmphora(row: AmphoraRow): Shown {
  return {
    id: row.id,
    loadbalancer_id: row.load_balancer_id,
    compute_id: row.compute_id,
    lb_network_ip: row.lb_network_ip,
    vrrp_ip: row.vrrp_ip,
    ha_ip: row.ha_ip,
    vrrp_port_id: row.vrrp_port_id,
    ha_port_id: row.ha_port_id,
    cert_expiration: row.cert_expiration,
    cert_busy: false,
    role: row.role,
    // The reconciler's word for "on its way out" is Octavia's too; READY is a spare, and we keep none.
    status: row.status,
    vrrp_interface: "eth1",
    vrrp_id: 1,
    vrrp_priority: null,
    cached_zone: null,
    image_id: null,
    compute_flavor: null,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}
