import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from "kysely";

/** The first schema. A migration that has been released is never changed: write the next one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await withCommon(db, "load_balancer")
    .addColumn("description", "text", required)
    .addColumn("vip_address", "text", required)
    .addColumn("vip_subnet_id", "text", required)
    .addColumn("vip_network_id", "text", required)
    .addColumn("vip_port_id", "text", required)
    .addColumn("vip_qos_policy_id", "text")
    .addColumn("provider", "text", required)
    .addColumn("flavor_id", "text")
    .addColumn("availability_zone", "text")
    .addColumn("wanted_revision", "bigint", required)
    .addColumn("applied_revision", "bigint", required)
    .addColumn("deleting", "integer", required)
    .addColumn("wanted_amphora_generation", "integer", required)
    .addColumn("error", "text")
    .addColumn("attempts", "integer", required)
    .addColumn("next_attempt_at_ms", "bigint", required)
    .addColumn("lease_owner", "text")
    .addColumn("lease_until_ms", "bigint", required)
    .execute();

  await belowParent(withCommon(db, "pool"), "load_balancer_id", "load_balancer")
    .addColumn("description", "text", required)
    .addColumn("protocol", "text", required)
    .addColumn("lb_algorithm", "text", required)
    .addColumn("session_persistence", "text")
    .execute();

  await belowParent(withCommon(db, "listener"), "load_balancer_id", "load_balancer")
    .addColumn("description", "text", required)
    .addColumn("protocol", "text", required)
    .addColumn("protocol_family", "text", required)
    .addColumn("protocol_port", "integer", required)
    .addColumn("default_pool_id", "text")
    .addColumn("connection_limit", "integer", required)
    .addColumn("timeout_client_data", "integer", required)
    .addColumn("timeout_member_connect", "integer", required)
    .addColumn("timeout_member_data", "integer", required)
    .addColumn("timeout_tcp_inspect", "integer", required)
    .addColumn("insert_headers", "text", required)
    .addColumn("allowed_cidrs", "text")
    .addForeignKeyConstraint("listener_default_pool", ["default_pool_id"], "pool", ["id"], (key) =>
      key.onDelete("set null").deferrable().initiallyDeferred(),
    )
    .execute();

  await belowParent(withCommon(db, "member"), "pool_id", "pool")
    .addColumn("address", "text", required)
    .addColumn("protocol_port", "integer", required)
    .addColumn("weight", "integer", required)
    .addColumn("backup", "integer", required)
    .addColumn("subnet_id", "text")
    .addColumn("monitor_address", "text")
    .addColumn("monitor_port", "integer")
    .execute();

  await belowParent(withCommon(db, "health_monitor"), "pool_id", "pool")
    .addColumn("type", "text", required)
    .addColumn("delay", "integer", required)
    .addColumn("timeout", "integer", required)
    .addColumn("max_retries", "integer", required)
    .addColumn("max_retries_down", "integer", required)
    .addColumn("http_method", "text")
    .addColumn("url_path", "text")
    .addColumn("expected_codes", "text")
    .addColumn("http_version", "double precision")
    .addColumn("domain_name", "text")
    .execute();

  await belowParent(withCommon(db, "l7policy"), "listener_id", "listener")
    .addColumn("description", "text", required)
    .addColumn("action", "text", required)
    .addColumn("redirect_pool_id", "text")
    .addColumn("redirect_url", "text")
    .addColumn("redirect_prefix", "text")
    .addColumn("redirect_http_code", "integer")
    .addColumn("position", "integer", required)
    .addForeignKeyConstraint("l7policy_redirect_pool", ["redirect_pool_id"], "pool", ["id"], (key) =>
      key.onDelete("set null").deferrable().initiallyDeferred(),
    )
    .execute();

  await belowParent(withCommon(db, "l7rule"), "l7policy_id", "l7policy")
    .addColumn("type", "text", required)
    .addColumn("compare_type", "text", required)
    .addColumn("key", "text")
    .addColumn("value", "text", required)
    .addColumn("invert", "integer", required)
    .execute();

  // No foreign keys from here on: an amphora, its addresses and its counters may outlive the load balancer by the
  // time it takes to destroy them.
  await db.schema
    .createTable("amphora")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("load_balancer_id", "text", required)
    .addColumn("generation", "integer", required)
    .addColumn("role", "text", required)
    .addColumn("status", "text", required)
    .addColumn("compute_driver", "text", required)
    .addColumn("compute_id", "text", required)
    .addColumn("lb_network_ip", "text", required)
    .addColumn("vrrp_ip", "text", required)
    .addColumn("ha_ip", "text", required)
    .addColumn("vrrp_port_id", "text", required)
    .addColumn("ha_port_id", "text", required)
    .addColumn("cert_expiration", "text", required)
    .addColumn("applied_revision", "bigint", required)
    .addColumn("created_at", "text", required)
    .addColumn("updated_at", "text")
    .execute();

  await db.schema
    .createTable("address")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("subnet_id", "text", required)
    .addColumn("address", "text", required)
    .addColumn("owner_id", "text", required)
    .addColumn("purpose", "text", required)
    .execute();

  await db.schema
    .createTable("listener_statistics")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("load_balancer_id", "text", required)
    .addColumn("listener_id", "text", required)
    .addColumn("amphora_id", "text", required)
    .addColumn("bytes_in", "bigint", required)
    .addColumn("bytes_out", "bigint", required)
    .addColumn("active_connections", "bigint", required)
    .addColumn("total_connections", "bigint", required)
    .addColumn("request_errors", "bigint", required)
    .execute();

  for (const [name, table, columns] of uniqueIndexes) {
    await db.schema.createIndex(name).unique().on(table).columns(columns).execute();
  }
  for (const [table, column] of lookups) {
    await db.schema.createIndex(`${table}_by_${column}`).on(table).column(column).execute();
  }
}

const uniqueIndexes: [name: string, table: string, columns: string[]][] = [
  ["listener_port", "listener", ["load_balancer_id", "protocol_family", "protocol_port"]],
  ["member_address", "member", ["pool_id", "address", "protocol_port"]],
  ["health_monitor_pool", "health_monitor", ["pool_id"]],
  ["address_in_subnet", "address", ["subnet_id", "address"]],
];

const lookups: [table: string, column: string][] = [
  ["pool", "load_balancer_id"],
  ["listener", "default_pool_id"],
  ["l7policy", "listener_id"],
  ["l7policy", "redirect_pool_id"],
  ["l7rule", "l7policy_id"],
  ["amphora", "load_balancer_id"],
  ["address", "owner_id"],
  ["listener_statistics", "load_balancer_id"],
  ["listener_statistics", "listener_id"],
];

const required = (column: ColumnDefinitionBuilder) => column.notNull();

function withCommon<Table extends string>(db: Kysely<unknown>, table: Table) {
  return db.schema
    .createTable(table)
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("project_id", "text", required)
    .addColumn("name", "text", required)
    .addColumn("admin_state_up", "integer", required)
    .addColumn("provisioning_status", "text", required)
    .addColumn("operating_status", "text", required)
    .addColumn("tags", "text", (column) => column.notNull().defaultTo(sql`'[]'`))
    .addColumn("created_at", "text", required)
    .addColumn("updated_at", "text");
}

/** Deferred: within a transaction parents and children may come and go in any order. */
function belowParent<Table extends string>(table: CreateTableBuilder<Table>, column: string, parent: string) {
  return table
    .addColumn(column, "text", required)
    .addForeignKeyConstraint(`${column}_exists`, [column as never], parent, ["id"], (key) =>
      key.onDelete("cascade").deferrable().initiallyDeferred(),
    );
}
