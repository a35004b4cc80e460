import * as collections from "../../core/api/collections.ts";
import { createHealthMonitor, deleteHealthMonitor, updateHealthMonitor } from "../../core/api/health-monitors.ts";
import { createL7Policy, deleteL7Policy, updateL7Policy } from "../../core/api/l7policies.ts";
import { createL7Rule, deleteL7Rule, listL7Rules, showOneL7Rule, updateL7Rule } from "../../core/api/l7rules.ts";
import { createListener, deleteListener, updateListener } from "../../core/api/listeners.ts";
import {
  createLoadBalancer,
  deleteLoadBalancer,
  failOverLoadBalancer,
  updateLoadBalancer,
} from "../../core/api/load-balancers.ts";
import {
  createMember,
  deleteMember,
  listMembers,
  replaceMembers,
  showOneMember,
  updateMember,
} from "../../core/api/members.ts";
import { createPool, deletePool, updatePool } from "../../core/api/pools.ts";
import { readFlag } from "../../core/api/query.ts";
import { listenerStatistics, loadBalancerStatistics } from "../../core/api/statistics.ts";
import { statusTree } from "../../core/api/status-tree.ts";
import { TREE_BODY_MAX_BYTES } from "./request-body.ts";
import { type Answer, accepted, type Call, created, gone, id, ok, parent, type Route } from "./routes.ts";

type Collection = (typeof collections)["loadBalancers" | "listeners" | "pools" | "healthMonitors" | "l7policies"];

const list = (collection: Collection) => async (call: Call) =>
  ok(await collections.listObjects(call.context, collection, call.query, call.self));
const show = (collection: Collection) => async (call: Call) =>
  ok(await collections.showObject(call.context, collection, id(call), call.query));

const cascade = (call: Call) => readFlag(call.query, "cascade");

const statuses = async (call: Call): Promise<Answer> => ok(await statusTree(call.context, id(call)));

/** The codes are literal: gophercloud takes no other 2xx for the same. */
export const loadBalancerRoutes: readonly Route[] = [
  {
    path: "/lbaas/loadbalancers",
    methods: {
      GET: list(collections.loadBalancers),
      POST: async (call) =>
        created(await createLoadBalancer(call.context, await call.body("loadbalancer", TREE_BODY_MAX_BYTES))),
    },
  },
  {
    path: "/lbaas/loadbalancers/:id",
    methods: {
      GET: show(collections.loadBalancers),
      PUT: async (call) => ok(await updateLoadBalancer(call.context, id(call), await call.body("loadbalancer"))),
      DELETE: async (call) => {
        await deleteLoadBalancer(call.context, id(call), cascade(call));
        return gone;
      },
    },
  },
  { path: "/lbaas/loadbalancers/:id/status", methods: { GET: statuses } },
  { path: "/lbaas/loadbalancers/:id/statuses", methods: { GET: statuses } },
  {
    path: "/lbaas/loadbalancers/:id/stats",
    methods: { GET: async (call) => ok(await loadBalancerStatistics(call.context, id(call))) },
  },
  {
    path: "/lbaas/loadbalancers/:id/failover",
    methods: {
      PUT: async (call) => {
        await failOverLoadBalancer(call.context, id(call));
        return accepted;
      },
    },
  },
  {
    path: "/lbaas/listeners",
    methods: {
      GET: list(collections.listeners),
      POST: async (call) => created(await createListener(call.context, await call.body("listener"))),
    },
  },
  {
    path: "/lbaas/listeners/:id",
    methods: {
      GET: show(collections.listeners),
      PUT: async (call) => ok(await updateListener(call.context, id(call), await call.body("listener"))),
      DELETE: async (call) => {
        await deleteListener(call.context, id(call));
        return gone;
      },
    },
  },
  {
    path: "/lbaas/listeners/:id/stats",
    methods: { GET: async (call) => ok(await listenerStatistics(call.context, id(call))) },
  },
  {
    path: "/lbaas/pools",
    methods: {
      GET: list(collections.pools),
      POST: async (call) => created(await createPool(call.context, await call.body("pool"))),
    },
  },
  {
    path: "/lbaas/pools/:id",
    methods: {
      GET: show(collections.pools),
      PUT: async (call) => ok(await updatePool(call.context, id(call), await call.body("pool"))),
      DELETE: async (call) => {
        await deletePool(call.context, id(call));
        return gone;
      },
    },
  },
  {
    path: "/lbaas/pools/:parent/members",
    methods: {
      GET: async (call) => ok(await listMembers(call.context, parent(call), call.query, call.self)),
      POST: async (call) => created(await createMember(call.context, parent(call), await call.body("member"))),
      PUT: async (call) => {
        const body = await call.body("members", TREE_BODY_MAX_BYTES);
        await replaceMembers(call.context, parent(call), body, call.query);
        return accepted;
      },
    },
  },
  {
    path: "/lbaas/pools/:parent/members/:id",
    methods: {
      GET: async (call) => ok(await showOneMember(call.context, parent(call), id(call), call.query)),
      PUT: async (call) => ok(await updateMember(call.context, parent(call), id(call), await call.body("member"))),
      DELETE: async (call) => {
        await deleteMember(call.context, parent(call), id(call));
        return gone;
      },
    },
  },
  {
    path: "/lbaas/healthmonitors",
    methods: {
      GET: list(collections.healthMonitors),
      POST: async (call) => created(await createHealthMonitor(call.context, await call.body("healthmonitor"))),
    },
  },
  {
    path: "/lbaas/healthmonitors/:id",
    methods: {
      GET: show(collections.healthMonitors),
      PUT: async (call) => ok(await updateHealthMonitor(call.context, id(call), await call.body("healthmonitor"))),
      DELETE: async (call) => {
        await deleteHealthMonitor(call.context, id(call));
        return gone;
      },
    },
  },
  {
    path: "/lbaas/l7policies",
    methods: {
      GET: list(collections.l7policies),
      POST: async (call) => created(await createL7Policy(call.context, await call.body("l7policy"))),
    },
  },
  {
    path: "/lbaas/l7policies/:id",
    methods: {
      GET: show(collections.l7policies),
      PUT: async (call) => ok(await updateL7Policy(call.context, id(call), await call.body("l7policy"))),
      DELETE: async (call) => {
        await deleteL7Policy(call.context, id(call));
        return gone;
      },
    },
  },
  {
    path: "/lbaas/l7policies/:parent/rules",
    methods: {
      GET: async (call) => ok(await listL7Rules(call.context, parent(call), call.query, call.self)),
      POST: async (call) => created(await createL7Rule(call.context, parent(call), await call.body("rule"))),
    },
  },
  {
    path: "/lbaas/l7policies/:parent/rules/:id",
    methods: {
      GET: async (call) => ok(await showOneL7Rule(call.context, parent(call), id(call), call.query)),
      PUT: async (call) => ok(await updateL7Rule(call.context, parent(call), id(call), await call.body("rule"))),
      DELETE: async (call) => {
        await deleteL7Rule(call.context, parent(call), id(call));
        return gone;
      },
    },
  },
];
