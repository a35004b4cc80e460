import { amphoraStatistics, failOverAmphora, listAmphorae, showOneAmphora } from "../../core/api/amphorae.ts";
import { type LookupKind, lookUp, lookUpOne } from "../../core/api/network-lookups.ts";
import {
  emptyKinds,
  listCapabilities,
  listNothing,
  listProviders,
  listQuotas,
  refuseChange,
  showNothing,
  showQuota,
} from "../../core/api/small-lists.ts";
import { accepted, id, ok, type Route } from "./routes.ts";

/** Providers, quotas, amphorae, and kinds of which there are none. */
export const otherRoutes: readonly Route[] = [
  { path: "/lbaas/providers", methods: { GET: async (call) => ok(listProviders(call.query, call.self)) } },
  {
    path: "/lbaas/providers/:id/flavor_capabilities",
    methods: { GET: async (call) => ok(listCapabilities(id(call), "flavor")) },
  },
  {
    path: "/lbaas/providers/:id/availability_zone_capabilities",
    methods: { GET: async (call) => ok(listCapabilities(id(call), "availability_zone")) },
  },
  ...emptyKinds.flatMap((kind): Route[] => {
    const refuse = async () => refuseChange(`there are no ${kind.title}s to choose from`);
    return [
      {
        path: `/lbaas/${kind.path}`,
        methods: { GET: async (call) => ok(listNothing(kind, call.query, call.self)), POST: refuse },
      },
      {
        path: `/lbaas/${kind.path}/:id`,
        methods: {
          GET: async (call) => showNothing(kind, id(call)),
          PUT: async (call) => showNothing(kind, id(call)),
          DELETE: async (call) => showNothing(kind, id(call)),
        },
      },
    ];
  }),
  { path: "/lbaas/quotas", methods: { GET: async () => ok(listQuotas()) } },
  { path: "/lbaas/quotas/defaults", methods: { GET: async () => ok(showQuota()) } },
  {
    path: "/lbaas/quotas/:id",
    methods: {
      GET: async () => ok(showQuota()),
      PUT: async () => refuseChange("quotas are always unlimited"),
      DELETE: async () => refuseChange("quotas are always unlimited"),
    },
  },
  { path: "/lbaas/quotas/:id/default", methods: { GET: async () => ok(showQuota()) } },
  {
    path: "/octavia/amphorae",
    methods: { GET: async (call) => ok(await listAmphorae(call.context, call.query, call.self)) },
  },
  {
    path: "/octavia/amphorae/:id",
    methods: {
      GET: async (call) => ok(await showOneAmphora(call.context, id(call), call.query)),
      DELETE: async () => refuseChange("an amphora goes with its load balancer"),
    },
  },
  {
    path: "/octavia/amphorae/:id/stats",
    methods: { GET: async (call) => ok(await amphoraStatistics(call.context, id(call))) },
  },
  {
    path: "/octavia/amphorae/:id/config",
    methods: { PUT: async () => refuseChange("an amphora keeps the configuration it was started with") },
  },
  {
    path: "/octavia/amphorae/:id/failover",
    methods: {
      PUT: async (call) => {
        await failOverAmphora(call.context, id(call));
        return accepted;
      },
    },
  },
  ...(["networks", "subnets", "ports"] as const).flatMap(lookupRoutes),
  { path: "/qos/policies", methods: { GET: async () => ok({ policies: [] }) } },
];

/** Neutron's paths, with the suffix some clients still write. */
function lookupRoutes(kind: LookupKind): Route[] {
  const list: Route["methods"] = { GET: async (call) => ok(await lookUp(call.context, kind, call.query)) };
  return [
    { path: `/${kind}`, methods: list },
    { path: `/${kind}.json`, methods: list },
    {
      path: `/${kind}/:id`,
      methods: {
        GET: async (call) => ok(await lookUpOne(call.context, kind, id(call).replace(/\.json$/, ""))),
      },
    },
  ];
}
