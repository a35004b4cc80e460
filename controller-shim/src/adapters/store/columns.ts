import type { Rows, TableName } from "../../core/store/rows.ts";
import { protocolFamily } from "../../core/store/unique-indexes.ts";

/** How a column is stored. Booleans are 0 and 1 and lists are JSON text: the same on every engine. */
type ColumnKind = "text" | "integer" | "real" | "boolean" | "json";
type Columns = { [Name in TableName]: { [Column in keyof Rows[Name]]: ColumnKind } };
type StoredValue = string | number | null;
export type StoredRow = Record<string, StoredValue>;

const common = {
  id: "text",
  project_id: "text",
  name: "text",
  admin_state_up: "boolean",
  provisioning_status: "text",
  operating_status: "text",
  tags: "json",
  created_at: "text",
  updated_at: "text",
} as const;

const columns: Columns = {
  load_balancer: {
    ...common,
    description: "text",
    vip_address: "text",
    vip_subnet_id: "text",
    vip_network_id: "text",
    vip_port_id: "text",
    vip_qos_policy_id: "text",
    provider: "text",
    flavor_id: "text",
    availability_zone: "text",
    wanted_revision: "integer",
    applied_revision: "integer",
    deleting: "boolean",
    wanted_amphora_generation: "integer",
    error: "text",
    attempts: "integer",
    next_attempt_at_ms: "integer",
    lease_owner: "text",
    lease_until_ms: "integer",
  },
  listener: {
    ...common,
    load_balancer_id: "text",
    description: "text",
    protocol: "text",
    protocol_port: "integer",
    default_pool_id: "text",
    connection_limit: "integer",
    timeout_client_data: "integer",
    timeout_member_connect: "integer",
    timeout_member_data: "integer",
    timeout_tcp_inspect: "integer",
    insert_headers: "json",
    allowed_cidrs: "json",
  },
  pool: {
    ...common,
    load_balancer_id: "text",
    description: "text",
    protocol: "text",
    lb_algorithm: "text",
    session_persistence: "json",
  },
  member: {
    ...common,
    pool_id: "text",
    address: "text",
    protocol_port: "integer",
    weight: "integer",
    backup: "boolean",
    subnet_id: "text",
    monitor_address: "text",
    monitor_port: "integer",
  },
  health_monitor: {
    ...common,
    pool_id: "text",
    type: "text",
    delay: "integer",
    timeout: "integer",
    max_retries: "integer",
    max_retries_down: "integer",
    http_method: "text",
    url_path: "text",
    expected_codes: "text",
    http_version: "real",
    domain_name: "text",
  },
  l7policy: {
    ...common,
    listener_id: "text",
    description: "text",
    action: "text",
    redirect_pool_id: "text",
    redirect_url: "text",
    redirect_prefix: "text",
    redirect_http_code: "integer",
    position: "integer",
  },
  l7rule: {
    ...common,
    l7policy_id: "text",
    type: "text",
    compare_type: "text",
    key: "text",
    value: "text",
    invert: "boolean",
  },
  amphora: {
    id: "text",
    load_balancer_id: "text",
    generation: "integer",
    role: "text",
    status: "text",
    compute_driver: "text",
    compute_id: "text",
    lb_network_ip: "text",
    vrrp_ip: "text",
    ha_ip: "text",
    vrrp_port_id: "text",
    ha_port_id: "text",
    cert_expiration: "text",
    applied_revision: "integer",
    created_at: "text",
    updated_at: "text",
  },
  address: { id: "text", subnet_id: "text", address: "text", owner_id: "text", purpose: "text" },
  listener_statistics: {
    id: "text",
    load_balancer_id: "text",
    listener_id: "text",
    amphora_id: "text",
    bytes_in: "integer",
    bytes_out: "integer",
    active_connections: "integer",
    total_connections: "integer",
    request_errors: "integer",
  },
};

export function columnNames(table: TableName): string[] {
  return Object.keys(columns[table]);
}

/** A row, or part of one, as the database keeps it. Unknown columns are a broken promise, not bad input. */
export function encodeRow(table: TableName, row: object): StoredRow {
  const kinds: Record<string, ColumnKind> = columns[table];
  const stored: StoredRow = {};
  for (const [column, value] of Object.entries(row)) {
    const kind = kinds[column];
    if (!kind) throw new Error(`table ${table} has no column ${column}`);
    if (value === undefined) continue;
    stored[column] = encodeValue(kind, value);
  }
  if (table === "listener" && typeof stored["protocol"] === "string") {
    stored["protocol_family"] = protocolFamily(stored["protocol"]);
  }
  return stored;
}

export function decodeRow<Name extends TableName>(table: Name, stored: Record<string, unknown>): Rows[Name] {
  const row: Record<string, unknown> = {};
  for (const [column, kind] of Object.entries<ColumnKind>(columns[table])) {
    const value = stored[column];
    if (value === null || kind === "text" || kind === "integer" || kind === "real") row[column] = value;
    else if (kind === "boolean") row[column] = value === 1;
    else if (typeof value === "string") row[column] = JSON.parse(value);
  }
  return row as unknown as Rows[Name];
}

function encodeValue(kind: ColumnKind, value: unknown): StoredValue {
  if (value === null) return null;
  switch (kind) {
    case "boolean":
      return value === true ? 1 : 0;
    case "json":
      return JSON.stringify(value);
    case "text":
    case "integer":
    case "real":
      return value as StoredValue;
    default:
      return kind satisfies never;
  }
}
