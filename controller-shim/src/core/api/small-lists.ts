import { providers } from "./context.ts";
import { ApiFault, notFound } from "./fault.ts";
import { applyQuery } from "./query.ts";
import type { Shown } from "./representation.ts";

/** Lists that hold little or nothing here, and that clients read all the same. */
export function listProviders(query: URLSearchParams, self: string): Shown {
  const page = applyQuery(
    providers.map((each) => ({ ...each })),
    query,
    { scalars: ["name", "description"] },
    self,
  );
  return { providers: page.items };
}

export function listCapabilities(provider: string, kind: "flavor" | "availability_zone"): Shown {
  if (!providers.some((each) => each.name === provider)) {
    throw new ApiFault("invalid", `Provider '${provider}' is not enabled.`);
  }
  return { [`${kind}_capabilities`]: [] };
}

/** Kinds of which there are none: path, root key of a list, words for people, attributes to filter by. */
export const emptyKinds = [
  { path: "flavors", many: "flavors", title: "flavor", scalars: ["id", "name", "description", "enabled"] },
  { path: "flavorprofiles", many: "flavorprofiles", title: "flavor profile", scalars: ["id", "name", "provider_name"] },
  {
    path: "availabilityzones",
    many: "availability_zones",
    title: "availability zone",
    scalars: ["name", "description", "enabled"],
  },
  {
    path: "availabilityzoneprofiles",
    many: "availability_zone_profiles",
    title: "availability zone profile",
    scalars: ["id", "name", "provider_name"],
  },
] as const;

export function listNothing(kind: (typeof emptyKinds)[number], query: URLSearchParams, self: string): Shown {
  const page = applyQuery([], query, { scalars: [...kind.scalars, "flavor_profile_id"] }, self);
  return { [kind.many]: page.items, [`${kind.many}_links`]: page.links };
}

export function showNothing(kind: (typeof emptyKinds)[number], id: string): never {
  throw notFound(kind.title, id);
}

/** -1 is unlimited; both spellings of two of them, because clients look for either. */
const unlimited = {
  loadbalancer: -1,
  load_balancer: -1,
  listener: -1,
  pool: -1,
  member: -1,
  healthmonitor: -1,
  health_monitor: -1,
  l7policy: -1,
  l7rule: -1,
};

/** Only projects with values of their own are listed, and none has any. */
export function listQuotas(): Shown {
  return { quotas: [], quotas_links: [] };
}

export function showQuota(): Shown {
  return { quota: { ...unlimited } };
}

export function refuseChange(what: string): never {
  throw new ApiFault("unsupported", `Provider 'krater' does not support a requested action: ${what}`);
}
