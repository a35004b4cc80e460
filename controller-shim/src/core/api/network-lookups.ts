import type { AddressRow } from "../store/rows.ts";
import type { ApiContext } from "./context.ts";
import { DEFAULT_PROJECT_ID } from "./context.ts";
import { notFound } from "./fault.ts";
import type { Shown } from "./representation.ts";

/**
 * The few Neutron calls the stock CLI makes before it creates anything, answered from our own networks. Not Neutron:
 * equality filters, and nothing can be written.
 */
export type LookupKind = "networks" | "subnets" | "ports";
const singular = { networks: "network", subnets: "subnet", ports: "port" } as const;
/** How the answer is to be cut, not which objects are wanted. */
const NOT_FILTERS = ["fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"];

export async function lookUp(context: ApiContext, kind: LookupKind, query: URLSearchParams): Promise<Shown> {
  const found = (await all(context, kind)).filter((each) => matches(each, query));
  return { [kind]: found };
}

export async function lookUpOne(context: ApiContext, kind: LookupKind, id: string): Promise<Shown> {
  const found = (await all(context, kind)).find((each) => each["id"] === id);
  if (!found) throw notFound(singular[kind], id);
  return { [singular[kind]]: found };
}

function matches(shown: Shown, query: URLSearchParams): boolean {
  for (const name of new Set(query.keys())) {
    if (NOT_FILTERS.includes(name)) continue;
    if (!query.getAll(name).includes(String(shown[name]))) return false;
  }
  return true;
}

async function all(context: ApiContext, kind: LookupKind): Promise<Shown[]> {
  if (kind === "ports") return (await context.store.list("address")).map((row) => showPort(context, row));
  return context.networks.map((network) => {
    const common = { project_id: DEFAULT_PROJECT_ID, tenant_id: DEFAULT_PROJECT_ID };
    if (kind === "networks") {
      const { id, name, subnet } = network;
      return { id, name, ...common, status: "ACTIVE", admin_state_up: true, shared: true, subnets: [subnet.id] };
    }
    const { id, name, cidr, gateway } = network.subnet;
    const ip_version = cidr.includes(":") ? 6 : 4;
    return { id, name, ...common, network_id: network.id, cidr, gateway_ip: gateway, ip_version, enable_dhcp: false };
  });
}

function showPort(context: ApiContext, row: AddressRow): Shown {
  const network = context.networks.find((each) => each.subnet.id === row.subnet_id);
  return {
    id: row.id,
    name: `${row.purpose}-${row.owner_id}`,
    project_id: DEFAULT_PROJECT_ID,
    tenant_id: DEFAULT_PROJECT_ID,
    network_id: network?.id ?? null,
    device_id: row.owner_id,
    device_owner: "krater",
    status: "ACTIVE",
    admin_state_up: true,
    fixed_ips: [{ subnet_id: row.subnet_id, ip_address: row.address }],
    security_groups: [],
  };
}
