/**
 * The rows of the state database. Field names are Octavia's own (the API's JSON says the same), so that a reader of
 * the v2 API knows every column. Times are `2026-01-31T12:34:56` in UTC, as the API shows them.
 */
export type ProvisioningStatus = "ACTIVE" | "PENDING_CREATE" | "PENDING_UPDATE" | "PENDING_DELETE" | "ERROR";

export type OperatingStatus = "ONLINE" | "OFFLINE" | "DRAINING" | "DEGRADED" | "ERROR" | "NO_MONITOR";

interface Common {
  id: string;
  project_id: string;
  name: string;
  admin_state_up: boolean;
  provisioning_status: ProvisioningStatus;
  operating_status: OperatingStatus;
  tags: string[];
  created_at: string;
  updated_at: string | null;
}

export interface LoadBalancerRow extends Common {
  description: string;
  vip_address: string;
  vip_subnet_id: string;
  vip_network_id: string;
  vip_port_id: string;
  vip_qos_policy_id: string | null;
  provider: string;
  flavor_id: string | null;
  availability_zone: string | null;

  /**
   * What is wanted and what is applied are two numbers, not a status: every accepted write adds one to
   * `wanted_revision`; the reconciler copies the number it has realised to `applied_revision`. A load balancer is
   * mutable when they are equal, it is not being deleted and carries no error.
   */
  wanted_revision: number;
  applied_revision: number;
  deleting: boolean;
  /** Failover adds one; amphorae of an older generation are replaced. */
  wanted_amphora_generation: number;
  /** Why the last attempts failed, for people; null when all is well. Set together with ERROR. */
  error: string | null;
  attempts: number;
  next_attempt_at_ms: number;
  /** A worker holds the load balancer until this instant; it must finish, renew or lose it. */
  lease_owner: string | null;
  lease_until_ms: number;
}

export interface ListenerRow extends Common {
  load_balancer_id: string;
  description: string;
  protocol: string;
  protocol_port: number;
  default_pool_id: string | null;
  connection_limit: number;
  timeout_client_data: number;
  timeout_member_connect: number;
  timeout_member_data: number;
  timeout_tcp_inspect: number;
  insert_headers: Record<string, string>;
  allowed_cidrs: string[] | null;
}

export interface SessionPersistence {
  type: "SOURCE_IP" | "HTTP_COOKIE" | "APP_COOKIE";
  cookie_name: string | null;
  persistence_timeout: number | null;
  persistence_granularity: string | null;
}

export interface PoolRow extends Common {
  load_balancer_id: string;
  description: string;
  protocol: string;
  lb_algorithm: string;
  session_persistence: SessionPersistence | null;
}

export interface MemberRow extends Common {
  pool_id: string;
  address: string;
  protocol_port: number;
  weight: number;
  backup: boolean;
  subnet_id: string | null;
  monitor_address: string | null;
  monitor_port: number | null;
}

export interface HealthMonitorRow extends Common {
  pool_id: string;
  type: string;
  delay: number;
  timeout: number;
  max_retries: number;
  max_retries_down: number;
  http_method: string | null;
  url_path: string | null;
  expected_codes: string | null;
  http_version: number | null;
  domain_name: string | null;
}

export interface L7PolicyRow extends Common {
  listener_id: string;
  description: string;
  action: "REJECT" | "REDIRECT_TO_POOL" | "REDIRECT_TO_URL" | "REDIRECT_PREFIX";
  redirect_pool_id: string | null;
  redirect_url: string | null;
  redirect_prefix: string | null;
  redirect_http_code: number | null;
  /** Dense from 1 within the listener. */
  position: number;
}

/** Rules have no name in the API; `name` is always "". */
export interface L7RuleRow extends Common {
  l7policy_id: string;
  type: string;
  compare_type: string;
  key: string | null;
  value: string;
  invert: boolean;
}

export interface AmphoraRow {
  id: string;
  load_balancer_id: string;
  generation: number;
  role: "STANDALONE" | "MASTER" | "BACKUP";
  status: "BOOTING" | "ALLOCATED" | "PENDING_DELETE" | "ERROR";
  compute_driver: string;
  compute_id: string;
  lb_network_ip: string;
  vrrp_ip: string;
  ha_ip: string;
  vrrp_port_id: string;
  ha_port_id: string;
  cert_expiration: string;
  /** Revision of the load balancer this amphora runs; 0: nothing yet. */
  applied_revision: number;
  created_at: string;
  updated_at: string | null;
}

/** One address given out of one of our subnets; (subnet_id, address) is unique. The id is the port id clients see. */
export interface AddressRow {
  id: string;
  subnet_id: string;
  address: string;
  /** Load balancer or amphora that holds it. */
  owner_id: string;
  purpose: "vip" | "management" | "vrrp" | "member";
}

/** Counters added up from heartbeats, one row per listener and amphora. */
export interface ListenerStatisticsRow {
  id: string; // `<listener id>/<amphora id>`
  load_balancer_id: string;
  listener_id: string;
  amphora_id: string;
  bytes_in: number;
  bytes_out: number;
  active_connections: number;
  total_connections: number;
  request_errors: number;
}

export interface Rows {
  load_balancer: LoadBalancerRow;
  listener: ListenerRow;
  pool: PoolRow;
  member: MemberRow;
  health_monitor: HealthMonitorRow;
  l7policy: L7PolicyRow;
  l7rule: L7RuleRow;
  amphora: AmphoraRow;
  address: AddressRow;
  listener_statistics: ListenerStatisticsRow;
}
export type TableName = keyof Rows;
