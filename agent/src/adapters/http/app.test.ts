import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { beforeEach, expect, test } from "vitest";
import type { ProblemCode } from "../../contract/problem.ts";
import type { Caller } from "../../core/access/roles.ts";
import { AgentError } from "../../core/agent-error.ts";
import { EventStream } from "../../core/events/event-stream.ts";
import type { Certificates, LoadBalancers } from "../../core/haproxy/load-balancers.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { buildApp } from "./app.ts";
import { EventReaders } from "./event-readers.ts";
import { kraterRoutes } from "./krater-routes.ts";
import { octaviaRoutes } from "./octavia-routes.ts";

const lb = "1b000001-0001-4000-8000-000000000001";
const amp = "a3000001-0001-4000-8000-000000000001";
const pem = "0123456789012345678901234567890123456789.pem";
const notFound =
  "404 Not Found: The requested URL was not found on the server. " +
  "If you entered the URL manually please check your spelling and try again.";

let failWith: AgentError | Error | undefined;
let log: FakeLog;
beforeEach(() => {
  failWith = undefined;
  log = new FakeLog();
});

/** Answers as if one load balancer with one certificate were there; any call fails with `failWith` when it is set. */
function application() {
  const answer = async <Value>(value: Value): Promise<Value> => {
    if (failWith) throw failWith;
    return value;
  };
  const known = (id: string) => id === lb;
  const loadBalancers: LoadBalancers = {
    upload: () => answer(undefined),
    read: (id) => answer(known(id) ? Buffer.from("stored text") : undefined),
    act: async (id, action) => {
      if (!known(id)) throw new AgentError("load-balancer-not-found", "unknown");
      return answer({ effective: action });
    },
    delete: () => answer(undefined),
    listeners: () =>
      answer([
        { uuid: "b", status: "ACTIVE", type: "HTTP" },
        { uuid: "a", status: "ACTIVE", type: "TERMINATED_HTTPS" },
      ]),
    observe: () =>
      answer([
        {
          loadBalancerId: lb,
          statisticsSocket: "/s",
          haproxy: { state: "running", masterPid: 7, sinceMs: 1 },
          restarts: 0,
        },
        { loadBalancerId: "other", statisticsSocket: "/o", haproxy: { state: "stopped" }, restarts: 0 },
      ]),
  };
  const certificates: Certificates = {
    write: () => answer(undefined),
    md5: (_id, name) => answer(name === pem ? "5d41402abc4b2a76b9719d911017c592" : undefined),
    delete: () => answer(undefined),
  };
  const versions = {
    hostname: "amphora",
    haproxy_version: "2.6.12-1+deb12u4",
    keepalived_version: "1:2.2.7-1",
    ipvsadm_version: "1:1.31-1",
  };
  const routes = [
    ...octaviaRoutes({
      loadBalancers,
      certificates,
      system: {
        info: () => answer(versions),
        details: () =>
          answer({
            ...versions,
            networks: { eth1: { network_tx: 1, network_rx: 2 } },
            cpu_count: 2,
            cpu: { total: 10, user: "1", system: "2", soft_irq: "3" },
            memory: { total: 1, free: 2, buffers: 3, cached: 4, swap_used: 5, shared: 6, slab: 7 },
            disk: { used: 1, available: 2 },
            load: ["0.01", "0.02", "0.03"],
            active_tuned_profiles: "",
            lvs_listener_process_count: 0,
          }),
      },
      configuration: { replaceFirst: () => answer(undefined) },
      serverCertificate: { replace: () => answer(undefined) },
    }),
    ...kraterRoutes({
      status: () => answer({} as never),
      metrics: { render: () => answer("# metrics\n") },
      events: new EventReaders(new EventStream(new FakeClock()), { readers: 0 }),
      openapi: { openapi: "3.1.1" },
    }),
  ];
  return buildApp(routes, log);
}

interface Call {
  method?: string;
  path: string;
  caller?: Caller;
  body?: string;
}

async function call({ method = "GET", path, caller = "no-role", body = "" }: Call) {
  const url = new URL(`https://amphora${path}`);
  const response = await application()({
    method,
    path: url.pathname,
    query: url.search,
    header: () => undefined,
    caller,
    signal: new AbortController().signal,
    holdMemory: () => {},
    readBody: async () => ({ content: Buffer.from(body), md5: createHash("md5").update(body).digest("hex") }),
    outgoing: {} as ServerResponse,
  });
  if (!response) throw new Error("the response was taken over");
  const text = String(response.body ?? "");
  return {
    status: response.status,
    type: response.headers["content-type"] ?? null,
    length: response.headers["content-length"] ?? null,
    etag: response.headers["etag"] ?? null,
    allow: response.headers["allow"] ?? null,
    text,
    json: text.startsWith("{") || text.startsWith("[") ? (JSON.parse(text) as unknown) : undefined,
  };
}

const started = `Configuration file is valid\nhaproxy daemon for ${lb} started`;
const certificate = `/1.0/loadbalancer/${lb}/certificates/${pem}`;

test.for<{ method: string; path: string; status: number; body: unknown; etag?: string }>([
  { method: "GET", path: "/", status: 200, body: { api_version: "1.0" } },
  {
    method: "GET",
    path: "/1.0/info",
    status: 200,
    body: {
      hostname: "amphora",
      haproxy_version: "2.6.12-1+deb12u4",
      api_version: "1.0",
      keepalived_version: "1:2.2.7-1",
      ipvsadm_version: "1:1.31-1",
    },
  },
  {
    method: "GET",
    path: "/1.0/listeners",
    status: 200,
    body: [
      { status: "ACTIVE", uuid: "b", type: "HTTP" },
      { status: "ACTIVE", uuid: "a", type: "TERMINATED_HTTPS" },
    ],
  },
  {
    method: "PUT",
    path: `/1.0/loadbalancer/${amp}/${lb}/haproxy`,
    status: 202,
    body: { message: "OK" },
    etag: "5d41402abc4b2a76b9719d911017c592",
  },
  {
    method: "PUT",
    path: `/1.0/loadbalancer/${lb}/haproxy`,
    status: 400,
    body: { message: "Invalid Request", details: "Unknown action: haproxy" },
  },
  {
    method: "PUT",
    path: "/1.0/loadbalancer/nobody/RESTART",
    status: 400,
    body: { message: "Invalid Request", details: "Unknown action: restart" },
  },
  {
    method: "PUT",
    path: "/1.0/loadbalancer/nobody/reload",
    status: 404,
    body: { message: "Loadbalancer Not Found", details: "No loadbalancer with UUID: nobody" },
  },
  {
    method: "GET",
    path: "/1.0/loadbalancer/nobody/haproxy",
    status: 404,
    body: { message: "Loadbalancer Not Found", details: "No loadbalancer with UUID: nobody" },
  },
  { method: "PUT", path: `/1.0/loadbalancer/${lb}/Start`, status: 202, body: { message: "OK", details: started } },
  {
    method: "PUT",
    path: `/1.0/loadbalancer/${lb}/stop`,
    status: 202,
    body: { message: "OK", details: `Listener ${lb} stoped` },
  },
  {
    method: "PUT",
    path: `/1.0/loadbalancer/${lb}/reload`,
    status: 202,
    body: { message: "OK", details: `Listener ${lb} reloaded` },
  },
  { method: "DELETE", path: `/1.0/listeners/${lb}`, status: 200, body: { message: "OK" } },
  { method: "PUT", path: certificate, status: 200, body: { message: "OK" }, etag: "5d41402abc4b2a76b9719d911017c592" },
  {
    method: "GET",
    path: certificate,
    status: 200,
    body: { md5sum: "5d41402abc4b2a76b9719d911017c592" },
    etag: "5d41402abc4b2a76b9719d911017c592",
  },
  {
    method: "GET",
    path: `/1.0/loadbalancer/${lb}/certificates/other.pem`,
    status: 404,
    body: { message: "Certificate Not Found", details: "No certificate with filename: other.pem" },
  },
  { method: "DELETE", path: certificate, status: 200, body: { message: "OK" } },
  { method: "PUT", path: "/1.0/certificate", status: 202, body: { message: "OK" } },
  { method: "PUT", path: "/1.0/config", status: 202, body: { message: "OK" } },
])("$method $path answers $status", async ({ method, path, status, body, etag = null }) => {
  const answer = await call({ method, path, body: "hello" });
  expect(answer).toMatchObject({ status, json: body, type: "application/json", etag });
  expect(answer.length).toBe(String(Buffer.byteLength(answer.text)));
});

test("the stored configuration comes back as text with its md5", async () => {
  const answer = await call({ path: `/1.0/loadbalancer/${lb}/haproxy` });
  const etag = createHash("md5").update("stored text").digest("hex");
  expect(answer).toMatchObject({ status: 200, text: "stored text", type: "text/plain; charset=UTF-8", etag });
});

test("details have every key of the original, in its types", async () => {
  const { json } = await call({ path: "/1.0/details" });
  expect(json).toEqual({
    hostname: "amphora",
    haproxy_version: "2.6.12-1+deb12u4",
    api_version: "1.0",
    networks: { eth1: { network_tx: 1, network_rx: 2 } },
    active: true,
    haproxy_count: 1,
    cpu_count: 2,
    cpu: { total: 10, user: "1", system: "2", soft_irq: "3" },
    memory: { total: 1, free: 2, buffers: 3, cached: 4, swap_used: 5, shared: 6, slab: 7 },
    disk: { used: 1, available: 2 },
    load: ["0.01", "0.02", "0.03"],
    active_tuned_profiles: "",
    topology: "SINGLE",
    topology_status: "OK",
    listeners: ["a", "b"],
    packages: {},
    lvs_listener_process_count: 0,
    keepalived_version: "1:2.2.7-1",
    ipvsadm_version: "1:1.31-1",
  });
});

test.for(["..%2f..%2fetc%2fpasswd.pem", "%2e%2e", "a", ".pem", "%2fpem", "x%2f..%2fabcpem"])(
  "certificate name %s has the wrong format, on all three methods",
  async (name) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      // Not through URL, which would resolve dots: the server hands the path over as it came.
      const path = `/1.0/loadbalancer/${lb}/certificates/${name.replaceAll("%2e", "%252e")}`;
      const answer = await call({ method, path });
      expect(answer).toMatchObject({ status: 400, json: { message: "Filename has wrong format" } });
    }
  },
);

test.for([
  { name: "a path trick", id: "..%2f..%2fetc" },
  { name: "a dot file", id: ".hidden" },
  { name: "a folder of the agent's own", id: "certs" },
  { name: "a space", id: "a%20b" },
  { name: "an absurd length", id: "a".repeat(300) },
])("an identifier with $name is refused everywhere", async ({ id }) => {
  const calls = [
    { method: "GET", path: `/1.0/loadbalancer/${id}/haproxy` },
    { method: "PUT", path: `/1.0/loadbalancer/${amp}/${id}/haproxy` },
    { method: "PUT", path: `/1.0/loadbalancer/${id}/${lb}/haproxy` },
    { method: "PUT", path: `/1.0/loadbalancer/${id}/reload` },
    { method: "DELETE", path: `/1.0/listeners/${id}` },
    { method: "PUT", path: `/1.0/loadbalancer/${id}/certificates/${pem}` },
  ];
  for (const each of calls) {
    expect(await call(each)).toMatchObject({ status: 400, json: { http_code: 400 } });
  }
});

test.for([
  "/1.0",
  "/1.0/",
  "/1.0/info/",
  "/1.0/nothing",
  "/1.0//info",
  "/nothing",
  "/1.0/plug/network",
  "/1.0/plug/vip/192.0.2.1",
  "/1.0/vrrp/upload",
  "/1.0/vrrp/start",
  "/1.0/interface/192.0.2.1",
  "/1.0/listeners/x/udp_listener",
  "/2.0/info",
])("nothing is at %s, and every method is told so", async (path) => {
  for (const method of ["GET", "PUT", "POST", "DELETE", "OPTIONS"]) {
    const answer = await call({ method, path });
    expect(answer).toMatchObject({ status: 404, json: { error: notFound, http_code: 404 }, type: "application/json" });
  }
});

test.for([
  { method: "POST", path: "/", allow: "GET, HEAD, OPTIONS" },
  { method: "DELETE", path: "/1.0/info", allow: "GET, HEAD, OPTIONS" },
  { method: "GET", path: `/1.0/listeners/${lb}`, allow: "DELETE, OPTIONS" },
  { method: "GET", path: `/1.0/loadbalancer/${lb}/start`, allow: "OPTIONS, PUT" },
  { method: "DELETE", path: `/1.0/loadbalancer/${lb}/haproxy`, allow: "GET, HEAD, OPTIONS, PUT" },
  { method: "PATCH", path: certificate, allow: "DELETE, GET, HEAD, OPTIONS, PUT" },
  { method: "PROPFIND", path: "/1.0/certificate", allow: "OPTIONS, PUT" },
])("$method $path is 405 and says what may be done", async ({ method, path, allow }) => {
  const error = "405 Method Not Allowed: The method is not allowed for the requested URL.";
  expect(await call({ method, path })).toMatchObject({ status: 405, allow, json: { error, http_code: 405 } });
  expect(await call({ method: "OPTIONS", path })).toMatchObject({ status: 200, allow, text: "", length: "0" });
});

test.for(["/", "/1.0/info", "/1.0/details", "/1.0/listeners", `/1.0/loadbalancer/${lb}/haproxy`, certificate])(
  "HEAD %s is GET without the body, length included",
  async (path) => {
    const { text, ...get } = await call({ path });
    expect(get.length).toBe(String(Buffer.byteLength(text)));
    expect(await call({ method: "HEAD", path })).toEqual({ ...get, text: "", json: undefined });
  },
);

test.for<{ code: ProblemCode; method: string; path: string; status: number; body: unknown }>([
  {
    code: "config-invalid",
    method: "PUT",
    path: `/1.0/loadbalancer/${amp}/${lb}/haproxy`,
    status: 400,
    body: { message: "Invalid request", details: "its own words" },
  },
  {
    code: "enable-failed",
    method: "PUT",
    path: `/1.0/loadbalancer/${amp}/${lb}/haproxy`,
    status: 500,
    body: { message: "Error enabling octavia-keepalived service", details: "its own words" },
  },
  {
    code: "action-failed",
    method: "PUT",
    path: `/1.0/loadbalancer/${lb}/start`,
    status: 500,
    body: { message: "Error starting haproxy", details: "its own words" },
  },
  {
    code: "action-failed",
    method: "PUT",
    path: `/1.0/loadbalancer/${lb}/stop`,
    status: 500,
    body: { message: "Error stoping haproxy", details: "its own words" },
  },
  {
    code: "action-failed",
    method: "DELETE",
    path: `/1.0/listeners/${lb}`,
    status: 500,
    body: { message: "Error stopping haproxy", details: "its own words" },
  },
  {
    code: "agent-config-failed",
    method: "PUT",
    path: "/1.0/config",
    status: 500,
    body: { message: "Unable to update amphora-agent configuration.", details: "its own words" },
  },
  {
    code: "storage-failed",
    method: "PUT",
    path: certificate,
    status: 500,
    body: { error: "500 Internal Server Error: the message", http_code: 500 },
  },
  {
    code: "busy",
    method: "PUT",
    path: certificate,
    status: 503,
    body: { error: "503 Service Unavailable: the message", http_code: 503 },
  },
])("$code on $method $path answers $status in Octavia's words", async ({ code, method, path, status, body }) => {
  failWith = new AgentError(code, "the message", { details: "its own words" });
  expect(await call({ method, path })).toMatchObject({ status, json: body, type: "application/json" });
});

test("an error nobody thought of is 500, says nothing of itself to the caller and all to the log", async () => {
  failWith = new Error("the secret reason");
  const answer = await call({ path: "/1.0/info" });
  expect(answer).toMatchObject({
    status: 500,
    json: {
      error:
        "500 Internal Server Error: The server encountered an internal error and was unable to complete your request. " +
        "Either the server is overloaded or there is an error in the application.",
      http_code: 500,
    },
  });
  expect(log.lines).toMatchObject([{ event: "request.failed", code: "internal", cause: "the secret reason" }]);
});

test.for<{ caller: Caller; path: string }>([
  { caller: "reader", path: "/1.0/info" },
  { caller: "operator", path: "/1.0/nothing" },
  { caller: "break-glass", path: "/1.0/details" },
  { caller: "unknown", path: "/" },
])("$caller is denied $path, and the denial is logged", async ({ caller, path }) => {
  const answer = await call({ path, caller });
  expect(answer).toMatchObject({ status: 403, type: "application/json", json: { http_code: 403 } });
  expect(log.lines).toMatchObject([{ event: "access.denied", caller, path }]);
});

test.for<{ caller: Caller; path: string }>([
  { caller: "no-role", path: "/krater/v1/status" },
  { caller: "break-glass", path: "/krater/v1/metrics" },
  { caller: "no-role", path: "/krater/v1/nothing" },
  { caller: "unknown", path: "/krater" },
])("$caller is denied $path with a problem document", async ({ caller, path }) => {
  const answer = await call({ path, caller });
  expect(answer).toMatchObject({
    status: 403,
    type: "application/problem+json",
    json: { type: "urn:krater:problem:forbidden", status: 403, instance: path },
  });
});

test("below /krater/v1 wrong paths, methods and states are problem documents too", async () => {
  const caller = "reader";
  const problem = (code: ProblemCode) => ({
    type: "application/problem+json",
    json: { type: `urn:krater:problem:${code}` },
  });
  expect(await call({ path: "/krater/v1/nothing", caller })).toMatchObject({
    status: 404,
    ...problem("route-not-found"),
  });
  expect(await call({ path: "/krater/v1/status", method: "POST", caller })).toMatchObject({
    status: 405,
    allow: "GET, HEAD, OPTIONS",
    ...problem("method-not-allowed"),
  });
  expect(await call({ path: "/krater/v1/events", caller })).toMatchObject({ status: 503, ...problem("busy") });
  expect(await call({ path: "/krater/v1/events?since=x", caller })).toMatchObject({
    status: 400,
    ...problem("bad-request"),
  });
});

test("metrics are text a Prometheus server takes, the OpenAPI document is JSON", async () => {
  expect(await call({ path: "/krater/v1/metrics", caller: "reader" })).toMatchObject({
    status: 200,
    type: "text/plain; version=0.0.4",
    text: "# metrics\n",
  });
  expect(await call({ path: "/krater/v1/openapi.json", caller: "reader" })).toMatchObject({
    status: 200,
    json: { openapi: "3.1.1" },
  });
});
