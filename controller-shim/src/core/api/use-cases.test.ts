import { expect, test } from "vitest";
import { ApiBench } from "../../testing/api-context.ts";
import { exampleNetworks } from "../../testing/example-networks.ts";
import { memberSubnetId, seededApi, vipSubnetId } from "../../testing/seeded-api.ts";
import type { ApiContext } from "./context.ts";
import { deleteHealthMonitor, updateHealthMonitor } from "./health-monitors.ts";
import { createL7Policy, deleteL7Policy, updateL7Policy } from "./l7policies.ts";
import { updateL7Rule } from "./l7rules.ts";
import { createListener, deleteListener, updateListener } from "./listeners.ts";
import { createLoadBalancer, deleteLoadBalancer, failOverLoadBalancer, updateLoadBalancer } from "./load-balancers.ts";
import { createMember, replaceMembers, updateMember } from "./members.ts";
import { createPool, deletePool, updatePool } from "./pools.ts";
import type { Shown } from "./representation.ts";

const inner = (shown: Shown) => Object.values(shown)[0] as Shown;
const everything = new URLSearchParams();

test("a fresh load balancer has what was asked for, the rest by default, and its VIP", async () => {
  const api = new ApiBench();
  const shown = await createLoadBalancer(api, { vip_subnet_id: vipSubnetId, tags: ["a", ""], admin_state_up: "True" });
  expect(Object.keys(shown)).toEqual(["loadbalancer"]);
  const row = inner(shown);
  expect(row).toMatchObject({
    name: "",
    description: "",
    admin_state_up: true,
    provisioning_status: "PENDING_CREATE",
    operating_status: "OFFLINE",
    vip_address: "198.51.100.2",
    vip_network_id: exampleNetworks[1]?.id,
    vip_subnet_id: vipSubnetId,
    provider: "krater",
    created_at: "2026-01-31T12:00:00",
    updated_at: null,
    tags: ["a", ""],
    listeners: [],
    pools: [],
  });
  expect(row["tenant_id"]).toBe(row["project_id"]);
  const [address] = await api.store.list("address");
  expect(address).toMatchObject({ id: row["vip_port_id"], owner_id: row["id"], purpose: "vip" });
  expect(api.woken).toEqual([row["id"]]);
  expect(api.events.since(0)).toMatchObject([{ name: "load-balancer.change-accepted", loadBalancerId: row["id"] }]);
});

test.for([
  { by: "subnet", body: { vip_subnet_id: vipSubnetId } },
  { by: "subnet without dashes, in capitals", body: { vip_subnet_id: vipSubnetId.replaceAll("-", "").toUpperCase() } },
  { by: "network", body: { vip_network_id: exampleNetworks[1]?.id } },
  { by: "network and address", body: { vip_network_id: exampleNetworks[1]?.id, vip_address: "198.51.100.77" } },
])("the VIP can be asked for by $by", async ({ body }) => {
  const row = inner(await createLoadBalancer(new ApiBench(), body));
  expect(row["vip_address"]).toBe(body.vip_address ?? "198.51.100.2");
  expect(row["vip_subnet_id"]).toBe(vipSubnetId);
});

test("a name has as many characters as people count, and comes back as it was", async () => {
  const name = "𝒳".repeat(255);
  expect(inner(await createLoadBalancer(new ApiBench(), { vip_subnet_id: vipSubnetId, name }))["name"]).toBe(name);
});

test.for(["krater", "amphora", "octavia"])("provider %s is accepted and shown as it was named", async (provider) => {
  const row = inner(await createLoadBalancer(new ApiBench(), { vip_subnet_id: vipSubnetId, provider }));
  expect(row["provider"]).toBe(provider);
});

test("numbers come as strings and are kept as numbers; null in a create is the default", async () => {
  const { api, ids } = await seededApi();
  const listener = inner(
    await createListener(api, {
      loadbalancer_id: ids.loadBalancer,
      protocol: "TCP",
      protocol_port: "5432",
      connection_limit: "100",
      timeout_client_data: null,
      insert_headers: null,
      name: null,
      tags: null,
      admin_state_up: null,
      project_id: "ignored",
      tenant_id: "ignored",
    }),
  );
  expect(listener).toMatchObject({ protocol_port: 5432, connection_limit: 100, timeout_client_data: 50_000 });
  expect(listener).toMatchObject({ insert_headers: {}, name: "", tags: [], admin_state_up: false });
  expect(listener["project_id"]).toBe((await api.store.get("load_balancer", ids.loadBalancer))?.project_id);
});

/** Trap 13: `unset` sends null, and that is the default, not "left alone". */
test.for<{
  name: string;
  put: (api: ApiContext, ids: Awaited<ReturnType<typeof seededApi>>["ids"], body: unknown) => Promise<Shown>;
  given: Shown;
  unset: Shown;
  want: Shown;
}>([
  {
    name: "load balancer",
    put: (api, ids, body) => updateLoadBalancer(api, ids.loadBalancer, body),
    given: { name: "n", description: "d", tags: ["t"] },
    unset: { name: null, description: null, tags: null },
    want: { name: "", description: "", tags: [] },
  },
  {
    name: "listener",
    put: (api, ids, body) => updateListener(api, ids.listener, body),
    given: { connection_limit: 5, allowed_cidrs: ["192.0.2.0/24"], insert_headers: { "X-Forwarded-For": "True" } },
    unset: { connection_limit: null, allowed_cidrs: null, insert_headers: null, default_pool_id: null },
    want: { connection_limit: -1, allowed_cidrs: null, insert_headers: {}, default_pool_id: null },
  },
  {
    name: "pool",
    put: (api, ids, body) => updatePool(api, ids.pool, body),
    given: { session_persistence: { type: "APP_COOKIE", cookie_name: "SID" }, lb_algorithm: "SOURCE_IP" },
    unset: { session_persistence: null },
    want: { session_persistence: null, lb_algorithm: "SOURCE_IP" },
  },
  {
    name: "member",
    put: (api, ids, body) => updateMember(api, ids.pool, ids.member, body),
    given: { weight: 0, backup: true, monitor_address: "203.0.113.50", monitor_port: 8081, admin_state_up: false },
    unset: { weight: null, backup: null, monitor_address: null, monitor_port: null },
    want: { weight: 1, backup: false, monitor_address: null, monitor_port: null, admin_state_up: false },
  },
  {
    name: "health monitor",
    put: (api, ids, body) => updateHealthMonitor(api, ids.healthMonitor, body),
    given: {
      url_path: "/h?a=b",
      expected_codes: "200-299",
      http_method: "HEAD",
      http_version: "1.1",
      domain_name: "a.example",
    },
    unset: { url_path: null, expected_codes: null, http_method: null, http_version: null, domain_name: null },
    want: { url_path: "/", expected_codes: "200", http_method: "GET", http_version: null, domain_name: null },
  },
  {
    name: "l7rule",
    put: (api, ids, body) => updateL7Rule(api, ids.policy, ids.rule, body),
    given: { type: "HEADER", key: "X-Canary", value: "yes", compare_type: "EQUAL_TO", invert: "yes" },
    unset: { invert: null },
    want: { type: "HEADER", key: "X-Canary", invert: false },
  },
])("$name: a PUT shows its values at once, null goes back to the default", async ({ put, given, unset, want }) => {
  const { api, ids } = await seededApi();
  const first = inner(await put(api, ids, given));
  expect(first).toMatchObject({ provisioning_status: "PENDING_UPDATE", updated_at: api.now });
  for (const [name, value] of Object.entries(given)) {
    const numeric = name === "http_version" ? Number(value) : name === "invert" ? true : value;
    if (typeof value !== "object" || Array.isArray(value)) expect(first[name]).toEqual(numeric);
  }
  await api.apply();
  expect(inner(await put(api, ids, unset))).toMatchObject(want);
});

test("a persistence without type keeps its type; a new type forgets the old cookie", async () => {
  const { api, ids } = await seededApi();
  const put = async (session_persistence: object) => {
    const shown = inner(await updatePool(api, ids.pool, { session_persistence }));
    await api.apply();
    return shown["session_persistence"];
  };
  const none = { persistence_timeout: null, persistence_granularity: null };
  await put({ type: "APP_COOKIE", cookie_name: "a" });
  expect(await put({ cookie_name: "b" })).toEqual({ type: "APP_COOKIE", cookie_name: "b", ...none });
  expect(await put({ type: "SOURCE_IP" })).toEqual({ type: "SOURCE_IP", cookie_name: null, ...none });
});

test("a pool for a listener becomes its default; deleted, it takes members and monitor along and clears the default", async () => {
  const { api, ids } = await seededApi();
  expect((await api.store.get("listener", ids.listener))?.default_pool_id).toBe(ids.pool);
  await deletePool(api, ids.pool);
  expect(await api.store.get("listener", ids.listener)).toMatchObject({
    default_pool_id: null,
    provisioning_status: "PENDING_UPDATE",
  });
  for (const [table, id] of [
    ["pool", ids.pool],
    ["member", ids.member],
    ["health_monitor", ids.healthMonitor],
  ] as const) {
    expect(await api.store.get(table, id)).toMatchObject({ provisioning_status: "PENDING_DELETE" });
  }
  await api.apply();
  expect(await api.store.get("member", ids.member)).toBeUndefined();
});

test("a fresh member has no monitor, or is OFFLINE until the monitor has looked", async () => {
  const { api, ids } = await seededApi();
  const body = { address: "203.0.113.20", protocol_port: 80, subnet_id: memberSubnetId };
  expect(inner(await createMember(api, ids.pool, body))).toMatchObject({ operating_status: "OFFLINE", weight: 1 });
  await api.apply();
  await deleteHealthMonitor(api, ids.healthMonitor);
  expect((await api.store.list("member", { pool_id: ids.pool })).map((row) => row.operating_status)).toEqual([
    "NO_MONITOR",
    "NO_MONITOR",
  ]);
  await api.apply();
  const fresh = { address: "203.0.113.21", protocol_port: 80 };
  expect(inner(await createMember(api, ids.pool, fresh))).toMatchObject({ operating_status: "NO_MONITOR" });
});

test("members at once: known ones keep their id and what was not named, others come and go", async () => {
  const { api, ids } = await seededApi();
  await updateMember(api, ids.pool, ids.member, { backup: true });
  await api.apply();
  const wanted = [
    { address: "203.0.113.11", protocol_port: 80, weight: 7 },
    { address: "203.0.113.12", protocol_port: 80 },
  ];
  await replaceMembers(api, ids.pool, wanted, everything);
  expect(await api.store.get("member", ids.member)).toMatchObject({ weight: 7, backup: true, name: "m" });
  await api.apply();
  expect(await api.store.list("member", { pool_id: ids.pool })).toHaveLength(2);

  api.woken.length = 0;
  await replaceMembers(api, ids.pool, wanted, everything);
  expect(api.woken).toEqual([]); // nothing to do, nothing to wait for

  await replaceMembers(
    api,
    ids.pool,
    [{ address: "203.0.113.13", protocol_port: 80 }],
    new URLSearchParams("additive_only=True"),
  );
  await api.apply();
  expect(await api.store.list("member", { pool_id: ids.pool })).toHaveLength(3);
  await replaceMembers(api, ids.pool, [], everything);
  await api.apply();
  expect(await api.store.list("member", { pool_id: ids.pool })).toEqual([]);
});

test("policies are numbered densely: inserting shifts, moving and deleting close ranks", async () => {
  const { api, ids } = await seededApi();
  const order = async () => {
    await api.apply();
    const rows = await api.store.list("l7policy", { listener_id: ids.listener });
    rows.sort((a, b) => a.position - b.position);
    expect(rows.map((row) => row.position)).toEqual(rows.map((_, index) => index + 1));
    return rows.map((row) => row.name || "first");
  };
  const add = async (name: string, position?: number) => {
    const body = { listener_id: ids.listener, action: "REJECT", name, ...(position ? { position } : {}) };
    const shown = inner(await createL7Policy(api, body));
    return { shown, id: String(shown["id"]) };
  };
  const b = await add("b");
  expect(b.shown["position"]).toBe(2);
  expect(await order()).toEqual(["first", "b"]);
  const a = await add("a", 1);
  expect(await order()).toEqual(["a", "first", "b"]);
  expect((await add("z", 900)).shown["position"]).toBe(4);
  expect(await order()).toEqual(["a", "first", "b", "z"]);
  expect(inner(await updateL7Policy(api, a.id, { position: 3 }))["position"]).toBe(3);
  expect(await order()).toEqual(["first", "b", "a", "z"]);
  await deleteL7Policy(api, b.id);
  expect(await order()).toEqual(["first", "a", "z"]);
});

test("a policy's target says its action and clears the others", async () => {
  const { api, ids } = await seededApi();
  const put = async (body: object) => {
    const shown = inner(await updateL7Policy(api, ids.policy, body));
    await api.apply();
    const { action, redirect_pool_id, redirect_url, redirect_prefix, redirect_http_code } = shown;
    return [action, redirect_pool_id, redirect_url, redirect_prefix, redirect_http_code];
  };
  expect(await put({ redirect_pool_id: ids.pool })).toEqual(["REDIRECT_TO_POOL", ids.pool, null, null, null]);
  expect(await put({ redirect_prefix: "https://a.example" })).toEqual([
    "REDIRECT_PREFIX",
    null,
    null,
    "https://a.example",
    302,
  ]);
  expect(await put({ redirect_http_code: "308" })).toEqual(["REDIRECT_PREFIX", null, null, "https://a.example", 308]);
  expect(await put({ name: "x" })).toEqual(["REDIRECT_PREFIX", null, null, "https://a.example", 308]);
  expect(await put({ action: "REJECT" })).toEqual(["REJECT", null, null, null, null]);
});

test("a tree is made whole: pools by name, members, monitors, policies, rules; the answer shows them in full", async () => {
  const api = new ApiBench();
  const tree = {
    name: "svc",
    vip_subnet_id: vipSubnetId,
    pools: [{ name: "shared", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" }],
    listeners: [
      {
        name: "a",
        protocol: "HTTP",
        protocol_port: 80,
        default_pool: { name: "shared" },
        l7policies: [
          {
            action: "REDIRECT_TO_POOL",
            redirect_pool: {
              name: "canary",
              protocol: "HTTP",
              lb_algorithm: "SOURCE_IP",
              members: [{ address: "203.0.113.7", protocol_port: 80 }],
              healthmonitor: { type: "HTTP", delay: 5, timeout: 3, max_retries: 1 },
            },
            rules: [{ type: "HEADER", compare_type: "EQUAL_TO", key: "X-Canary", value: "yes" }],
          },
          { action: "REJECT", position: 1 },
        ],
      },
      { name: "b", protocol: "TCP", protocol_port: 81, default_pool: { name: "canary" } },
    ],
  };
  const row = inner(await createLoadBalancer(api, tree));
  const listeners = row["listeners"] as Shown[];
  const pools = row["pools"] as Shown[];
  expect(pools.map((pool) => String(pool["name"])).sort((a, b) => a.localeCompare(b))).toEqual(["canary", "shared"]);
  const canary = pools.find((pool) => pool["name"] === "canary");
  expect(canary).toMatchObject({
    healthmonitor: { type: "HTTP", provisioning_status: "PENDING_CREATE" },
    members: [{ address: "203.0.113.7", operating_status: "OFFLINE" }],
  });
  const a = listeners.find((listener) => listener["name"] === "a");
  expect(a).toMatchObject({
    l7policies: [
      { action: "REJECT", position: 1 },
      { action: "REDIRECT_TO_POOL", position: 2, redirect_pool_id: canary?.["id"], rules: [{ value: "yes" }] },
    ],
  });
  await api.apply();
  for (const table of ["listener", "pool", "member", "health_monitor", "l7policy", "l7rule"] as const) {
    for (const each of await api.store.list(table)) expect(each.provisioning_status).toBe("ACTIVE");
  }
});

test("cascade takes everything below along; when it is applied nothing is left, not even the address", async () => {
  const { api, ids } = await seededApi();
  await deleteLoadBalancer(api, ids.loadBalancer, true);
  for (const table of ["listener", "pool", "member", "health_monitor", "l7policy", "l7rule"] as const) {
    const mine = (await api.store.list(table)).filter((row) => row.id !== ids.otherPool);
    for (const row of mine) expect(row.provisioning_status).toBe("PENDING_DELETE");
  }
  await api.apply();
  expect((await api.store.list("load_balancer")).map((row) => row.id)).toEqual([ids.otherLoadBalancer]);
  expect(await api.store.list("l7rule")).toEqual([]);
  expect(await api.store.list("address")).toHaveLength(1);
});

test("a deleted listener takes its policies along and leaves the pool", async () => {
  const { api, ids } = await seededApi();
  await deleteListener(api, ids.listener);
  await api.apply();
  expect(await api.store.list("l7policy")).toEqual([]);
  expect(await api.store.get("pool", ids.pool)).toMatchObject({ provisioning_status: "ACTIVE" });
});

test("a failover asks for a new generation and keeps every id", async () => {
  const { api, ids } = await seededApi();
  await failOverLoadBalancer(api, ids.loadBalancer);
  expect(await api.store.get("load_balancer", ids.loadBalancer)).toMatchObject({
    wanted_amphora_generation: 2,
    provisioning_status: "PENDING_UPDATE",
  });
});

test("a second pool that was made along with a listener or a policy belongs to the same load balancer", async () => {
  const { api, ids } = await seededApi();
  const made = { name: "x", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" };
  const body = { loadbalancer_id: ids.loadBalancer, protocol: "HTTP", protocol_port: 81, default_pool: made };
  const listener = inner(await createListener(api, body));
  expect(await api.store.get("pool", String(listener["default_pool_id"]))).toMatchObject({
    load_balancer_id: ids.loadBalancer,
  });
  await api.apply();
  const policy = { listener_id: ids.listener, action: "REDIRECT_TO_POOL", redirect_pool: made };
  expect(inner(await createL7Policy(api, policy))["redirect_pool_id"]).not.toBeNull();
  await api.apply();
  expect(await api.store.list("pool", { load_balancer_id: ids.loadBalancer })).toHaveLength(3);
  await expect(createPool(api, { ...made, loadbalancer_id: ids.loadBalancer })).resolves.toBeDefined();
});
