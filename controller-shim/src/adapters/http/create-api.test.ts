import { expect, test } from "vitest";
import type { LogFields } from "../../core/log.ts";
import { StoreUnavailable } from "../../core/store/store.ts";
import { exampleAmphora } from "../../testing/example-rows.ts";
import { type SeededIds, seededApi, vipSubnetId } from "../../testing/seeded-api.ts";
import { type ApiSettings, createApi } from "./create-api.ts";

interface Request {
  method?: string;
  path: string;
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  text?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

async function opened(settings: ApiSettings = {}) {
  const { api: bench, ids } = await seededApi();
  const lines: LogFields[] = [];
  const note = (fields: LogFields) => void lines.push(fields);
  const log = { info: note, warn: note, error: note, debug: note };
  const app = createApi(Object.assign(bench, { log }), settings);
  const send = async ({ method = "GET", path, body, text, headers = {} }: Request) => {
    const url = `http://lb.example:9876${path.replace(/\{(\w+)\}/g, (whole, name) => Reflect.get(ids, name) ?? whole)}`;
    const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await app.request(url, { method, headers, ...(payload === undefined ? {} : { body: payload }) });
    const answer = await response.text();
    const json = answer === "" ? undefined : (JSON.parse(answer) as Record<string, unknown>);
    return { status: response.status, headers: response.headers, json };
  };
  return { bench, ids, lines, send };
}

const nobody = "99999999-0000-4000-8000-000000000000";
const lbaas = "/v2.0/lbaas";

/** Trap 7: gophercloud takes exactly these. */
test.for<{ method: string; path: string; body?: unknown; status: number; root?: string }>([
  { method: "GET", path: "/loadbalancers", status: 200, root: "loadbalancers" },
  {
    method: "POST",
    path: "/loadbalancers",
    body: { loadbalancer: { vip_subnet_id: vipSubnetId } },
    status: 201,
    root: "loadbalancer",
  },
  { method: "GET", path: "/loadbalancers/{loadBalancer}", status: 200, root: "loadbalancer" },
  {
    method: "PUT",
    path: "/loadbalancers/{loadBalancer}",
    body: { loadbalancer: { name: "x" } },
    status: 200,
    root: "loadbalancer",
  },
  { method: "DELETE", path: "/loadbalancers/{loadBalancer}?cascade=True", status: 204 },
  { method: "PUT", path: "/loadbalancers/{loadBalancer}/failover", status: 202 },
  { method: "PUT", path: "/loadbalancers/{loadBalancer}/failover", body: {}, status: 202 },
  { method: "GET", path: "/loadbalancers/{loadBalancer}/status", status: 200, root: "statuses" },
  { method: "GET", path: "/loadbalancers/{loadBalancer}/statuses", status: 200, root: "statuses" },
  { method: "GET", path: "/loadbalancers/{loadBalancer}/stats", status: 200, root: "stats" },
  { method: "GET", path: "/listeners", status: 200, root: "listeners" },
  {
    method: "POST",
    path: "/listeners",
    body: { listener: { loadbalancer_id: "{loadBalancer}", protocol: "TCP", protocol_port: 1 } },
    status: 201,
    root: "listener",
  },
  { method: "PUT", path: "/listeners/{listener}", body: { listener: { name: "x" } }, status: 200, root: "listener" },
  { method: "DELETE", path: "/listeners/{listener}", status: 204 },
  { method: "GET", path: "/listeners/{listener}/stats", status: 200, root: "stats" },
  { method: "GET", path: "/pools", status: 200, root: "pools" },
  {
    method: "POST",
    path: "/pools",
    body: { pool: { loadbalancer_id: "{loadBalancer}", protocol: "TCP", lb_algorithm: "SOURCE_IP" } },
    status: 201,
    root: "pool",
  },
  { method: "PUT", path: "/pools/{pool}", body: { pool: { name: "x" } }, status: 200, root: "pool" },
  { method: "DELETE", path: "/pools/{pool}", status: 204 },
  { method: "GET", path: "/pools/{pool}/members", status: 200, root: "members" },
  {
    method: "POST",
    path: "/pools/{pool}/members",
    body: { member: { address: "203.0.113.9", protocol_port: 1 } },
    status: 201,
    root: "member",
  },
  { method: "PUT", path: "/pools/{pool}/members", body: { members: [] }, status: 202 },
  { method: "GET", path: "/pools/{pool}/members/{member}", status: 200, root: "member" },
  {
    method: "PUT",
    path: "/pools/{pool}/members/{member}",
    body: { member: { weight: "0" } },
    status: 200,
    root: "member",
  },
  { method: "DELETE", path: "/pools/{pool}/members/{member}", status: 204 },
  { method: "GET", path: "/healthmonitors?pool_id={pool}", status: 200, root: "healthmonitors" },
  {
    method: "POST",
    path: "/healthmonitors",
    body: { healthmonitor: { pool_id: "{otherPool}", type: "TCP", delay: 1, timeout: 1, max_retries: 1 } },
    status: 201,
    root: "healthmonitor",
  },
  {
    method: "PUT",
    path: "/healthmonitors/{healthMonitor}",
    body: { healthmonitor: { delay: 9 } },
    status: 200,
    root: "healthmonitor",
  },
  { method: "DELETE", path: "/healthmonitors/{healthMonitor}", status: 204 },
  { method: "GET", path: "/l7policies?listener_id={listener}", status: 200, root: "l7policies" },
  {
    method: "POST",
    path: "/l7policies",
    body: { l7policy: { listener_id: "{listener}", action: "REJECT" } },
    status: 201,
    root: "l7policy",
  },
  { method: "PUT", path: "/l7policies/{policy}", body: { l7policy: { name: "x" } }, status: 200, root: "l7policy" },
  { method: "DELETE", path: "/l7policies/{policy}", status: 204 },
  { method: "GET", path: "/l7policies/{policy}/rules?l7policy_id={policy}", status: 200, root: "rules" },
  {
    method: "POST",
    path: "/l7policies/{policy}/rules",
    body: { rule: { type: "PATH", compare_type: "EQUAL_TO", value: "/" } },
    status: 201,
    root: "rule",
  },
  { method: "GET", path: "/l7policies/{policy}/rules/{rule}", status: 200, root: "rule" },
  {
    method: "PUT",
    path: "/l7policies/{policy}/rules/{rule}",
    body: { rule: { value: "/y" } },
    status: 200,
    root: "rule",
  },
  { method: "DELETE", path: "/l7policies/{policy}/rules/{rule}", status: 204 },
  { method: "GET", path: "/providers", status: 200, root: "providers" },
  { method: "GET", path: "/providers/krater/flavor_capabilities", status: 200, root: "flavor_capabilities" },
  { method: "GET", path: "/flavors", status: 200, root: "flavors" },
  { method: "GET", path: "/availabilityzones", status: 200, root: "availability_zones" },
  { method: "GET", path: "/quotas/defaults", status: 200, root: "quota" },
  { method: "GET", path: "/quotas/any", status: 200, root: "quota" },
])("$method $path is $status", async ({ method, path, body, status, root }) => {
  const { send, ids } = await opened();
  const filled: unknown = JSON.parse(
    JSON.stringify(body ?? null).replace(/\{(\w+)\}/g, (_, name) => Reflect.get(ids, name)),
  );
  const answer = await send({ method, path: `${lbaas}${path}`, ...(filled === null ? {} : { body: filled }) });
  expect(answer).toMatchObject({ status });
  // Trap 4: the CLI shows whatever comes first.
  expect(answer.json && Object.keys(answer.json)[0]).toBe(root);
  expect(answer.headers.get("x-openstack-request-id")).toMatch(/^req-[0-9a-f-]{36}$/);
  expect((await send({ method: "GET", path: `/v2/lbaas${path.replace(/\?.*/, "")}` })).status).not.toBe(500);
});

const fault = (status: number, text: string) => ({
  status,
  json: { faultcode: status < 500 ? "Client" : "Server", faultstring: expect.stringContaining(text), debuginfo: null },
});

test.for<Request & { name: string; status: number; text2: string }>([
  {
    name: "an id that is a name",
    path: `${lbaas}/loadbalancers/web`,
    status: 404,
    text2: "load balancer web not found.",
  },
  { name: "an id with odd characters", path: `${lbaas}/listeners/%00%ff..%2f`, status: 404, text2: "not found" },
  {
    name: "a child below the wrong parent",
    path: `${lbaas}/pools/{otherPool}/members/{member}`,
    status: 404,
    text2: "member",
  },
  {
    name: "children of nobody",
    path: `${lbaas}/pools/${nobody}/members`,
    status: 404,
    text2: `pool ${nobody} not found.`,
  },
  { name: "rules of nobody", path: `${lbaas}/l7policies/${nobody}/rules`, status: 404, text2: "l7policy" },
  { name: "a path that is none", path: `${lbaas}/nonsense`, status: 404, text2: "nothing at" },
  { name: "another API", path: "/v3/auth/tokens", status: 404, text2: "nothing at" },
  {
    name: "a wrong method",
    method: "PATCH",
    path: `${lbaas}/loadbalancers`,
    status: 405,
    text2: "PATCH is not allowed",
  },
  { name: "OPTIONS", method: "OPTIONS", path: `${lbaas}/pools`, status: 405, text2: "OPTIONS is not allowed" },
  { name: "no body", method: "POST", path: `${lbaas}/pools`, status: 400, text2: "body is missing" },
  {
    name: "half a body",
    method: "POST",
    path: `${lbaas}/pools`,
    text: '{"pool":',
    status: 400,
    text2: "not valid JSON",
  },
  {
    name: "a body that is no UTF-8",
    method: "POST",
    path: `${lbaas}/pools`,
    text: new Uint8Array([0x22, 0xff, 0x22]),
    status: 400,
    text2: "not valid JSON",
  },
  {
    name: "a body that is a list",
    method: "POST",
    path: `${lbaas}/pools`,
    body: [],
    status: 400,
    text2: "object was expected",
  },
  {
    name: "a body that is null",
    method: "POST",
    path: `${lbaas}/pools`,
    body: null,
    status: 400,
    text2: "object was expected",
  },
  {
    name: "a wrong root",
    method: "POST",
    path: `${lbaas}/pools`,
    body: { listener: {} },
    status: 400,
    text2: "root element",
  },
  {
    name: "two roots",
    method: "POST",
    path: `${lbaas}/pools`,
    body: { pool: {}, listener: {} },
    status: 400,
    text2: "Unknown attribute: listener",
  },
  {
    name: "a root that is null",
    method: "POST",
    path: `${lbaas}/pools`,
    body: { pool: null },
    status: 400,
    text2: "object was expected",
  },
  {
    name: "a __proto__",
    method: "POST",
    path: `${lbaas}/pools`,
    text: '{"pool":{"__proto__":{"a":1}}}',
    status: 400,
    text2: "Unknown attribute: __proto__",
  },
  {
    name: "65 kB",
    method: "POST",
    path: `${lbaas}/pools`,
    text: " ".repeat(65 * 1024),
    status: 413,
    text2: "larger than 65536 bytes",
  },
  {
    name: "a tree of 1.1 MB",
    method: "POST",
    path: `${lbaas}/loadbalancers`,
    text: " ".repeat(1_150_000),
    status: 413,
    text2: "larger than 1048576",
  },
  {
    name: "a deeply nested tree",
    method: "POST",
    path: `${lbaas}/loadbalancers`,
    text: `{"loadbalancer":{"name":${"[".repeat(500_000)}${"]".repeat(500_000)}}}`,
    status: 400,
    text2: "attribute name",
  },
  {
    name: "very deep nesting",
    method: "POST",
    path: `${lbaas}/pools`,
    text: `${"[".repeat(30_000)}${"]".repeat(30_000)}`,
    status: 400,
    text2: "object was expected",
  },
  { name: "an unknown filter", path: `${lbaas}/pools?colour=red`, status: 400, text2: "duplicate or invalid" },
  {
    name: "a cascade that is neither yes nor no",
    method: "DELETE",
    path: `${lbaas}/loadbalancers/{loadBalancer}?cascade=perhaps`,
    status: 400,
    text2: "cascade",
  },
  { name: "a bad limit", path: `${lbaas}/pools?limit=x`, status: 400, text2: "limit 'x'" },
  {
    name: "a client that reads only XML",
    path: `${lbaas}/pools`,
    headers: { accept: "text/xml" },
    status: 406,
    text2: "application/json",
  },
  {
    name: "children in the way",
    method: "DELETE",
    path: `${lbaas}/loadbalancers/{loadBalancer}`,
    status: 400,
    text2: "has children",
  },
  {
    name: "an unknown provider",
    path: `${lbaas}/providers/f5/flavor_capabilities`,
    status: 400,
    text2: "Provider 'f5' is not enabled.",
  },
  { name: "an unknown flavor", path: `${lbaas}/flavors/gold`, status: 404, text2: "flavor gold not found." },
  {
    name: "a flavor of one's own",
    method: "POST",
    path: `${lbaas}/flavors`,
    body: {},
    status: 501,
    text2: "does not support",
  },
  { name: "a quota", method: "PUT", path: `${lbaas}/quotas/x`, body: {}, status: 501, text2: "unlimited" },
  { name: "an unknown amphora", path: "/v2.0/octavia/amphorae/x", status: 404, text2: "amphora x not found." },
  { name: "projects", path: "/projects/demo", status: 403, text2: "no identity service" },
  { name: "projects by name", path: "/projects?name=demo", status: 403, text2: "no identity service" },
  { name: "a port of nobody", path: `/v2.0/ports/${nobody}`, status: 404, text2: "port" },
  { name: "events since a word", path: "/krater/v1/events?since=now", status: 400, text2: "number" },
])("$name is answered $status as a fault", async ({ status, text2, ...request }) => {
  const { send, lines } = await opened();
  const answer = await send(request);
  expect(answer).toMatchObject(fault(status, text2));
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(answer.headers.get("x-openstack-request-id")).toMatch(/^req-/);
  expect(lines.filter((line) => line.event === "api.failed")).toEqual([]);
});

test("a wrong method says which are right", async () => {
  const { send } = await opened();
  const { headers } = await send({ method: "DELETE", path: `${lbaas}/pools` });
  expect(headers.get("allow")).toBe("GET, POST, HEAD");
});

test("what breaks inside is 500, with the request id and nothing else; the log has the rest", async () => {
  const { bench, send, lines } = await opened();
  bench.amphoraRefuses = new Error("secret details at /path/to/file");
  const body = { listener: { name: "x" } };
  const answer = await send({ method: "PUT", path: `${lbaas}/listeners/{listener}`, body });
  const requestId = answer.headers.get("x-openstack-request-id") ?? "none";
  expect(answer).toMatchObject(fault(500, requestId));
  expect(JSON.stringify(answer.json)).not.toContain("secret");
  expect(lines).toContainEqual(
    expect.objectContaining({ event: "api.failed", requestId, error: expect.stringContaining("secret details") }),
  );
});

test("every write below one load balancer while it is pending is 409 with Octavia's words", async () => {
  const { send, ids } = await opened();
  const path = `${lbaas}/loadbalancers/${ids.loadBalancer}`;
  await send({ method: "PUT", path, body: { loadbalancer: { name: "x" } } });
  expect(await send({ method: "PUT", path, body: { loadbalancer: { name: "y" } } })).toMatchObject(
    fault(409, `Invalid state PENDING_UPDATE of loadbalancer resource ${ids.loadBalancer}`),
  );
  expect(await send({ method: "DELETE", path: `${lbaas}/listeners/{listener}` })).toMatchObject(
    fault(409, `Load Balancer ${ids.loadBalancer} is immutable and cannot be updated.`),
  );
});

test("Accept may be empty, missing, or anything that JSON is", async () => {
  const { send } = await opened();
  for (const accept of ["", "*/*", "application/json", "text/html, application/*;q=0.5"]) {
    expect((await send({ path: `${lbaas}/pools`, headers: { accept } })).status).toBe(200);
  }
});

test("a slash too many, or a doubled one, changes nothing", async () => {
  const { send } = await opened();
  for (const path of [`${lbaas}/pools/`, "//v2.0//lbaas/pools", "/v2/lbaas/pools"]) {
    expect((await send({ path })).status).toBe(200);
  }
});

test("HEAD is GET without a body", async () => {
  const { send } = await opened();
  expect(await send({ method: "HEAD", path: `${lbaas}/loadbalancers/{loadBalancer}` })).toMatchObject({
    status: 200,
    json: undefined,
  });
});

interface Version {
  id: string;
  status: string;
  links: { href: string }[];
}

test.for([
  { name: "directly", headers: {}, href: "http://lb.example:9876/v2" },
  { name: "by another name", headers: { host: "10.0.0.1:9876" }, href: "http://10.0.0.1:9876/v2" },
  {
    name: "through a proxy",
    headers: { "x-forwarded-proto": "https", "x-forwarded-host": "api.example" },
    href: "https://api.example/v2",
  },
  {
    name: "through two",
    headers: { "x-forwarded-proto": "https, http", "x-forwarded-host": "a.example, b.example" },
    href: "https://a.example/v2",
  },
  {
    name: "on another port",
    headers: { "x-forwarded-host": "a.example", "x-forwarded-port": "8443", "x-forwarded-proto": "https" },
    href: "https://a.example:8443/v2",
  },
  {
    name: "below a path",
    headers: { "x-forwarded-prefix": "/load-balancer/" },
    href: "http://lb.example:9876/load-balancer/v2",
  },
  {
    name: "with a host that is none",
    headers: { "x-forwarded-host": '"><script>' },
    href: "http://lb.example:9876/v2",
  },
])("discovery leads back to whoever asks $name", async ({ headers, href }) => {
  const { send } = await opened();
  for (const path of ["/", "/v2", "/v2.0", "/v2/"]) {
    const { status, json } = await send({ path, headers });
    const versions = (json as unknown as { versions: Version[] }).versions;
    expect(status).toBe(200);
    expect(versions.filter((each) => each.status === "CURRENT")).toEqual([versions.at(-1)]);
    for (const version of versions) {
      expect(version.id).toMatch(/^v\d+\.\d+$/);
      expect(version.links[0]?.href).toBe(href);
    }
    const numbers = versions.map((each) => Number(each.id.split(".")[1]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

test("the deployment's own prefix is taken off, and kept in links", async () => {
  const { send } = await opened({ pathPrefix: "/load-balancer" });
  const { json } = await send({ path: "/load-balancer" });
  expect(JSON.stringify(json)).toContain('"http://lb.example:9876/load-balancer/v2"');
  const page = await send({ path: "/load-balancer/v2.0/lbaas/loadbalancers?limit=1" });
  expect(page.json?.["loadbalancers_links"]).toEqual([
    {
      rel: "next",
      href: expect.stringMatching(/^http:\/\/lb\.example:9876\/load-balancer\/v2\.0\/lbaas\/loadbalancers\?/),
    },
  ]);
  expect((await send({ path: `${lbaas}/loadbalancers` })).status).toBe(200);
  expect((await send({ path: "/load-balancerx/v2.0/lbaas/pools" })).status).toBe(404);
});

test("a public URL beats what the request says", async () => {
  const { send } = await opened({ publicUrl: "https://api.example/lb/" });
  expect(JSON.stringify((await send({ path: "/" })).json)).toContain('"https://api.example/lb/v2"');
});

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const credentials = { token: "a-long-token", username: "admin", password: "pass:word" };
test.for<{ name: string; headers: Record<string, string>; status: number }>([
  { name: "nothing", headers: {}, status: 401 },
  { name: "the CLI's notused", headers: { "x-auth-token": "notused" }, status: 401 },
  { name: "half a token", headers: { "x-auth-token": "a-long" }, status: 401 },
  { name: "a wrong password", headers: { authorization: basic("admin:pass") }, status: 401 },
  { name: "garbage", headers: { authorization: "Basic %%%" }, status: 401 },
  { name: "the token as a bearer", headers: { authorization: "Bearer a-long-token" }, status: 401 },
  { name: "the token", headers: { "x-auth-token": "a-long-token" }, status: 200 },
  { name: "name and password", headers: { authorization: basic("admin:pass:word") }, status: 200 },
])("with credentials set, $name is answered $status", async ({ headers, status }) => {
  const { send, lines } = await opened({ credentials });
  for (const path of [`${lbaas}/pools`, "/v2.0/subnets", "/krater/v1/status", `${lbaas}/nothing/here`]) {
    const answer = await send({ path, headers });
    expect(answer.status).toBe(status === 200 && path.includes("nothing") ? 404 : status);
    if (status === 401) expect(answer.json).toMatchObject({ faultcode: "Client" });
  }
  for (const path of ["/", "/v2.0", "/healthcheck"]) expect((await send({ path, headers })).status).toBe(200);
  expect(JSON.stringify(lines)).not.toContain("a-long-token");
});

test("a refused body is not read before the caller is known", async () => {
  const { send } = await opened({ credentials });
  expect((await send({ method: "POST", path: `${lbaas}/pools`, text: "{" })).status).toBe(401);
});

test("lists are filtered, cut and linked, whatever they list", async () => {
  const { send, ids } = await opened();
  const list = async (path: string) =>
    Object.values((await send({ path: `${lbaas}/${path}` })).json ?? {})[0] as { id: string }[];
  const only = async (path: string) => (await list(path)).map((each) => each.id);
  expect(await only("loadbalancers?name=web")).toEqual([ids.loadBalancer]);
  expect(await only(`loadbalancers?id=${ids.otherLoadBalancer}`)).toEqual([ids.otherLoadBalancer]);
  expect(await only("loadbalancers?id=not-a-uuid")).toEqual([]);
  expect(await only(`listeners?loadbalancer_id=${ids.loadBalancer}`)).toEqual([ids.listener]);
  expect(await only(`listeners?load_balancer_id=${ids.otherLoadBalancer}`)).toEqual([]);
  expect(await only(`pools?loadbalancer_id=${ids.otherLoadBalancer}`)).toEqual([ids.otherPool]);
  expect(await only(`pools?listener_id=${ids.listener}`)).toEqual([ids.pool]);
  expect(await only(`healthmonitors?pool_id=${ids.pool}`)).toEqual([ids.healthMonitor]);
  expect(await only(`l7policies?listener_id=${ids.listener}&action=REDIRECT_TO_URL`)).toEqual([ids.policy]);
  expect(await only(`pools/${ids.pool}/members?pool_id=${ids.pool}&address=203.0.113.11`)).toEqual([ids.member]);
  expect(await only(`listeners?default_pool_id=${ids.pool}`)).toEqual([ids.listener]);
  expect(await list("loadbalancers?fields=name&name=web")).toEqual([{ name: "web" }]);
});

test("relatives are shown by id, from both ends", async () => {
  const { send, ids } = await opened();
  const show = async (path: string) => Object.values((await send({ path: `${lbaas}/${path}` })).json ?? {})[0];
  expect(await show(`loadbalancers/${ids.loadBalancer}`)).toMatchObject({
    listeners: [{ id: ids.listener }],
    pools: [{ id: ids.pool }],
  });
  expect(await show(`listeners/${ids.listener}`)).toMatchObject({
    loadbalancers: [{ id: ids.loadBalancer }],
    l7policies: [{ id: ids.policy }],
    default_pool_id: ids.pool,
  });
  expect(await show(`pools/${ids.pool}`)).toMatchObject({
    loadbalancers: [{ id: ids.loadBalancer }],
    listeners: [{ id: ids.listener }],
    members: [{ id: ids.member }],
    healthmonitor_id: ids.healthMonitor,
  });
  expect(await show(`healthmonitors/${ids.healthMonitor}`)).toMatchObject({ pools: [{ id: ids.pool }] });
  expect(await show(`l7policies/${ids.policy}`)).toMatchObject({ rules: [{ id: ids.rule }] });
});

test("the status tree shows what takes traffic, names never null", async () => {
  const { send, ids } = await opened();
  const { json } = await send({ path: `${lbaas}/loadbalancers/{loadBalancer}/status` });
  expect(json).toMatchObject({
    statuses: {
      loadbalancer: {
        id: ids.loadBalancer,
        name: "web",
        provisioning_status: "ACTIVE",
        listeners: [
          {
            id: ids.listener,
            pools: [
              {
                id: ids.pool,
                health_monitor: { id: ids.healthMonitor, name: "", type: "HTTP" },
                members: [{ id: ids.member, address: "203.0.113.11", protocol_port: 80 }],
              },
            ],
          },
        ],
      },
    },
  });
});

test("stats are zero when fresh, then the sum over amphorae; connections of a dead one do not count", async () => {
  const { bench, send, ids } = await opened();
  const path = `${lbaas}/listeners/{listener}/stats`;
  const zeros = { active_connections: 0, bytes_in: 0, bytes_out: 0, request_errors: 0, total_connections: 0 };
  expect((await send({ path })).json).toEqual({ stats: zeros });
  await addStatistics(bench, ids, "alive");
  await addStatistics(bench, ids, "dead");
  await bench.store.remove("amphora", "dead");
  const sum = { active_connections: 1, bytes_in: 4, bytes_out: 6, request_errors: 8, total_connections: 10 };
  expect((await send({ path })).json).toEqual({ stats: sum });
  expect((await send({ path: `${lbaas}/loadbalancers/{loadBalancer}/stats` })).json).toEqual({ stats: sum });
  expect((await send({ path: "/v2.0/octavia/amphorae/alive/stats" })).json).toMatchObject({
    amphora_stats: [{ id: "alive", listener_id: ids.listener, bytes_in: 2 }],
  });
});

test("amphorae are listed, shown and failed over with their load balancer", async () => {
  const { bench, send, ids } = await opened();
  await addStatistics(bench, ids, "one");
  expect((await send({ path: `/v2.0/octavia/amphorae?loadbalancer_id=${ids.loadBalancer}` })).json).toMatchObject({
    amphorae: [{ id: "one", role: "STANDALONE", status: "ALLOCATED", loadbalancer_id: ids.loadBalancer }],
    amphorae_links: [],
  });
  expect((await send({ path: "/v2.0/octavia/amphorae/one" })).json).toMatchObject({ amphora: { id: "one" } });
  expect((await send({ method: "PUT", path: "/v2.0/octavia/amphorae/one/failover" })).status).toBe(202);
  expect((await bench.store.get("load_balancer", ids.loadBalancer))?.wanted_amphora_generation).toBe(2);
  expect((await send({ method: "DELETE", path: "/v2.0/octavia/amphorae/one" })).status).toBe(501);
  expect((await send({ method: "PUT", path: "/v2.0/octavia/amphorae/one/config" })).status).toBe(501);
  expect((await send({ path: "/v2.0/octavia/amphorae?name=one" })).json).toMatchObject({ amphorae: [] });
});

test("the Neutron look-ups the CLI makes are answered from our networks", async () => {
  const { bench, send, ids } = await opened();
  const vip = await bench.store.get("load_balancer", ids.loadBalancer);
  const network = bench.networks[1];
  for (const suffix of ["", ".json"]) {
    expect((await send({ path: `/v2.0/subnets${suffix}?name=test-vip-subnet` })).json).toMatchObject({
      subnets: [{ id: vipSubnetId, network_id: network?.id, cidr: "198.51.100.0/24", ip_version: 4 }],
    });
  }
  expect((await send({ path: `/v2.0/subnets?id=${nobody}` })).json).toEqual({ subnets: [] });
  expect((await send({ path: `/v2.0/networks?id=${network?.id}` })).json).toMatchObject({
    networks: [{ name: "test-vip" }],
  });
  expect((await send({ path: `/v2.0/ports?id=${vip?.vip_port_id}` })).json).toMatchObject({
    ports: [{ id: vip?.vip_port_id }],
  });
  expect((await send({ path: `/v2.0/ports/${vip?.vip_port_id}` })).json).toMatchObject({
    port: {
      network_id: network?.id,
      fixed_ips: [{ ip_address: vip?.vip_address, subnet_id: vipSubnetId }],
      security_groups: [],
    },
  });
  expect((await send({ path: `/v2.0/subnets/${vipSubnetId}` })).json).toMatchObject({ subnet: { id: vipSubnetId } });
});

test("krater's own status tells everything in one answer, its events what happened since", async () => {
  const { bench, send, ids } = await opened();
  await addStatistics(bench, ids, "one");
  await bench.store.update("load_balancer", ids.loadBalancer, { error: "no memory", provisioning_status: "ERROR" });
  const { json } = await send({ path: "/krater/v1/status" });
  expect(json).toMatchObject({
    load_balancers: [
      {
        id: ids.loadBalancer,
        error: "no memory",
        amphorae: [{ id: "one", status: "ALLOCATED" }],
        listeners: [{ id: ids.listener, protocol_port: 80, statistics: { total_connections: 5 } }],
        pools: [{ id: ids.pool, health_monitor: { type: "HTTP" }, members: [{ address: "203.0.113.11", weight: 1 }] }],
      },
      { id: ids.otherLoadBalancer, listeners: [], pools: [{ members: [] }] },
    ].toSorted((a, b) => a.id.localeCompare(b.id)),
    stray_amphorae: [],
  });
  const { events } = (await send({ path: "/krater/v1/events" })).json as { events: { sequence: number }[] };
  const last = events.at(-1)?.sequence ?? 0;
  expect(last).toBeGreaterThan(5);
  expect((await send({ path: `/krater/v1/events?since=${last - 1}` })).json).toMatchObject({
    events: [{ sequence: last }],
  });
});

test("an upload that is cut off is the client's affair: no failure of ours in the log", async () => {
  const { bench, lines } = await opened();
  const failures: LogFields[] = [];
  const log = {
    info: () => {},
    debug: () => {},
    warn: () => {},
    error: (fields: LogFields) => void failures.push(fields),
  };
  const app = createApi(Object.assign(bench, { log }));
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("aborted")) });
  const init = { method: "POST", body, duplex: "half" as const };
  expect((await app.request("http://lb.example/v2.0/lbaas/loadbalancers", init)).status).toBe(400);
  expect([...failures, ...lines.filter((line) => line["event"] === "api.failed")]).toEqual([]);
});

test.for([
  { why: "full" as const, text: "no space is left" },
  { why: "busy" as const, text: "another process" },
])("a state database that is $why is told as that, to be tried again", async ({ why, text }) => {
  const { bench, send } = await opened();
  Object.assign(bench.store, { transaction: () => Promise.reject(new StoreUnavailable(why)) });
  const request = { method: "POST", path: `${lbaas}/loadbalancers` };
  const answer = await send({ ...request, body: { loadbalancer: { vip_subnet_id: vipSubnetId } } });
  expect(answer).toMatchObject(fault(503, text));
  expect(answer.headers.get("retry-after")).toBe("5");
});

async function addStatistics(
  { store }: Awaited<ReturnType<typeof opened>>["bench"],
  ids: SeededIds,
  amphoraId: string,
) {
  await store.insert("amphora", exampleAmphora({ id: amphoraId, load_balancer_id: ids.loadBalancer }));
  await store.insert("listener_statistics", {
    id: `${ids.listener}/${amphoraId}`,
    load_balancer_id: ids.loadBalancer,
    listener_id: ids.listener,
    amphora_id: amphoraId,
    active_connections: 1,
    bytes_in: 2,
    bytes_out: 3,
    request_errors: 4,
    total_connections: 5,
  });
}
