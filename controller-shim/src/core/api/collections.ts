import type { Rows } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import type { ApiContext } from "./context.ts";
import { notFound } from "./fault.ts";
import { applyQuery, type ListRules, pickFields } from "./query.ts";
import { type Relations, readRelations } from "./relations.ts";
import {
  type Shown,
  showHealthMonitor,
  showL7Policy,
  showL7Rule,
  showListener,
  showLoadBalancer,
  showMember,
  showPool,
} from "./representation.ts";

export type ResourceTable = "load_balancer" | "listener" | "pool" | "member" | "health_monitor" | "l7policy" | "l7rule";

/** What the engine knows of each kind of resource: keys of the JSON, words for people, filters. */
export interface Collection<Name extends ResourceTable> {
  table: Name;
  /** Root key of one object, and of a list. */
  one: string;
  many: string;
  title: string;
  show(row: Rows[Name], relations: Relations): Shown;
  list: ListRules;
}

const scalars = [
  "id",
  "name",
  "project_id",
  "tenant_id",
  "admin_state_up",
  "provisioning_status",
  "operating_status",
  "created_at",
  "updated_at",
];
const described = [...scalars, "description"];

const idsIn = (name: string) => (shown: Shown) => (shown[name] as { id: string }[]).map((each) => each.id);
const loadBalancerParents = { loadbalancer_id: idsIn("loadbalancers"), load_balancer_id: idsIn("loadbalancers") };

export const loadBalancers: Collection<"load_balancer"> = {
  table: "load_balancer",
  one: "loadbalancer",
  many: "loadbalancers",
  title: "load balancer",
  show: showLoadBalancer,
  list: {
    scalars: [
      ...described,
      "vip_address",
      "vip_subnet_id",
      "vip_network_id",
      "vip_port_id",
      "vip_qos_policy_id",
      "vip_vnic_type",
      "provider",
      "flavor_id",
      "availability_zone",
    ],
  },
};

export const listeners: Collection<"listener"> = {
  table: "listener",
  one: "listener",
  many: "listeners",
  title: "listener",
  show: showListener,
  list: {
    scalars: [
      ...described,
      "protocol",
      "protocol_port",
      "connection_limit",
      "timeout_client_data",
      "timeout_member_connect",
      "timeout_member_data",
      "timeout_tcp_inspect",
      "default_pool_id",
      "default_tls_container_ref",
      "client_authentication",
      "tls_ciphers",
    ],
    parents: loadBalancerParents,
  },
};

export const pools: Collection<"pool"> = {
  table: "pool",
  one: "pool",
  many: "pools",
  title: "pool",
  show: showPool,
  list: {
    scalars: [...described, "protocol", "lb_algorithm", "healthmonitor_id", "tls_enabled", "tls_ciphers"],
    parents: { ...loadBalancerParents, listener_id: idsIn("listeners") },
  },
};

export const members: Collection<"member"> = {
  table: "member",
  one: "member",
  many: "members",
  title: "member",
  show: showMember,
  list: {
    scalars: [
      ...scalars,
      "address",
      "protocol_port",
      "weight",
      "backup",
      "subnet_id",
      "monitor_address",
      "monitor_port",
      "vnic_type",
    ],
    ignored: ["pool_id"],
  },
};

export const healthMonitors: Collection<"health_monitor"> = {
  table: "health_monitor",
  one: "healthmonitor",
  many: "healthmonitors",
  title: "health monitor",
  show: showHealthMonitor,
  list: {
    scalars: [
      ...scalars,
      "type",
      "delay",
      "timeout",
      "max_retries",
      "max_retries_down",
      "http_method",
      "url_path",
      "expected_codes",
      "http_version",
      "domain_name",
    ],
    parents: { pool_id: idsIn("pools") },
  },
};

export const l7policies: Collection<"l7policy"> = {
  table: "l7policy",
  one: "l7policy",
  many: "l7policies",
  title: "l7policy",
  show: showL7Policy,
  list: {
    scalars: [
      ...described,
      "listener_id",
      "action",
      "redirect_pool_id",
      "redirect_url",
      "redirect_prefix",
      "redirect_http_code",
      "position",
    ],
  },
};

export const l7rules: Collection<"l7rule"> = {
  table: "l7rule",
  one: "rule",
  many: "rules",
  title: "l7rule",
  show: showL7Rule,
  list: {
    scalars: [...scalars, "type", "compare_type", "key", "value", "invert"],
    ignored: ["l7policy_id"],
  },
};

/** `GET /collection`: the rows of `where`, filtered, sorted and cut as the query says. */
export async function listObjects<Name extends ResourceTable>(
  context: ApiContext,
  collection: Collection<Name>,
  query: URLSearchParams,
  self: string,
  where: Partial<Rows[Name]> = {},
): Promise<Shown> {
  const rows = await context.store.list(collection.table, where);
  const relations = await readRelations(context.store, collection.table, rows);
  const shown = rows.map((row) => collection.show(row, relations));
  const page = applyQuery(shown, query, collection.list, self);
  return { [collection.many]: page.items, [`${collection.many}_links`]: page.links };
}

/** `GET /collection/{id}`; `where` says which parent it must have. */
export async function showObject<Name extends ResourceTable>(
  context: ApiContext,
  collection: Collection<Name>,
  id: string,
  query: URLSearchParams,
  where: Partial<Rows[Name]> = {},
): Promise<Shown> {
  const row = await findRow(context.store, collection, id, where);
  return { [collection.one]: pickFields(await showRow(context.store, collection, row), query) };
}

export async function showRow<Name extends ResourceTable>(
  tables: Tables,
  collection: Collection<Name>,
  row: Rows[Name],
): Promise<Shown> {
  return collection.show(row, await readRelations(tables, collection.table, [row]));
}

export async function findRow<Name extends ResourceTable>(
  tables: Tables,
  collection: Collection<Name>,
  id: string,
  where: Partial<Rows[Name]> = {},
): Promise<Rows[Name]> {
  const row = await tables.get(collection.table, id);
  const fits = row && Object.entries(where).every(([column, value]) => Reflect.get(row, column) === value);
  if (!row || !fits) throw notFound(collection.title, id);
  return row;
}
