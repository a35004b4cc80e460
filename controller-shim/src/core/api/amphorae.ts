import type { AmphoraRow } from "../store/rows.ts";
import type { ApiContext } from "./context.ts";
import { notFound } from "./fault.ts";
import { failOverLoadBalancer } from "./load-balancers.ts";
import { applyQuery, pickFields } from "./query.ts";
import { type Shown, showAmphora } from "./representation.ts";

const scalars = [
  "id",
  "name", // nobody has one; the CLI asks by it for an id it has not found, and then says so
  "loadbalancer_id",
  "compute_id",
  "lb_network_ip",
  "vrrp_ip",
  "ha_ip",
  "vrrp_port_id",
  "ha_port_id",
  "cert_expiration",
  "cert_busy",
  "role",
  "status",
  "vrrp_interface",
  "vrrp_id",
  "vrrp_priority",
  "cached_zone",
  "image_id",
  "compute_flavor",
  "created_at",
  "updated_at",
];

export async function listAmphorae({ store }: ApiContext, query: URLSearchParams, self: string): Promise<Shown> {
  const shown = (await store.list("amphora")).map(showAmphora);
  const page = applyQuery(shown, query, { scalars }, self);
  return { amphorae: page.items, amphorae_links: page.links };
}

export async function showOneAmphora(context: ApiContext, id: string, query: URLSearchParams): Promise<Shown> {
  return { amphora: pickFields(showAmphora(await find(context, id)), query) };
}

export async function amphoraStatistics(context: ApiContext, id: string): Promise<Shown> {
  await find(context, id);
  const rows = await context.store.list("listener_statistics", { amphora_id: id });
  return {
    amphora_stats: rows.map((row) => ({
      id,
      listener_id: row.listener_id,
      loadbalancer_id: row.load_balancer_id,
      active_connections: row.active_connections,
      bytes_in: row.bytes_in,
      bytes_out: row.bytes_out,
      request_errors: row.request_errors,
      total_connections: row.total_connections,
    })),
  };
}

/** An amphora is replaced together with the others of its load balancer. */
export async function failOverAmphora(context: ApiContext, id: string): Promise<void> {
  await failOverLoadBalancer(context, (await find(context, id)).load_balancer_id);
}

async function find({ store }: ApiContext, id: string): Promise<AmphoraRow> {
  const row = await store.get("amphora", id);
  if (!row) throw notFound("amphora", id);
  return row;
}
