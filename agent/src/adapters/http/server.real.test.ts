import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { Answer } from "../../../../test/harness/agent.ts";
import { TestCertificateAuthority } from "../../../../test/harness/certificates.ts";
import { keptConnection, startTestServer } from "../../../../test/harness/http-server.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";

const upload = (lb: string) => `/1.0/loadbalancer/amp/${lb}/haproxy`;
const MiB = 1024 * 1024;

test("discovery is exactly the bytes a controller compares, also for //", async () => {
  const server = await startTestServer();
  for (const path of ["/", "//"]) {
    const answer = await server.call("GET", path);
    expect(answer).toMatchObject({
      status: 200,
      headers: { "content-type": "application/json", "content-length": "21" },
    });
    expect(answer.body.toString()).toBe('{"api_version":"1.0"}');
  }
});

test("HEAD, OPTIONS, 405 and 404 over the wire are what the route table says", async () => {
  const server = await startTestServer();
  const get = await server.call("GET", "/1.0/info");
  const head = await server.call("HEAD", "/1.0/info");
  expect(head.status).toBe(200);
  expect(head.body).toHaveLength(0);
  expect(head.headers["content-length"]).toBe(String(get.body.length));
  const options = await server.call("OPTIONS", "/1.0/info");
  expect(options).toMatchObject({ status: 200, headers: { allow: "GET, HEAD, OPTIONS", "content-length": "0" } });
  expect(await server.call("POST", "/1.0/info")).toMatchObject({
    status: 405,
    headers: { allow: "GET, HEAD, OPTIONS" },
  });
  expect((await server.call("GET", "/1.0/nothing")).json()).toMatchObject({ http_code: 404 });
  expect((await server.call("HEAD", "/1.0/nothing")).status).toBe(404);
});

test("a body of any bytes arrives whole, with its md5 in the answer", async () => {
  const server = await startTestServer();
  const body = randomBytes(3 * MiB);
  const answer = await server.call("PUT", upload("lb"), { body });
  expect(answer).toMatchObject({ status: 202, headers: { etag: createHash("md5").update(body).digest("hex") } });
  expect(server.stored.get("lb")?.equals(body)).toBe(true);
});

test("an empty body and a chunked one are bodies like others", async () => {
  const server = await startTestServer();
  expect((await server.call("PUT", upload("empty"), { body: "" })).status).toBe(202);
  expect(server.stored.get("empty")).toHaveLength(0);
  const chunked = await server.call("PUT", upload("chunked"), { headers: { "transfer-encoding": "chunked" } });
  expect(chunked.status).toBe(202);
});

test.for([
  { name: "a configuration", path: upload("lb"), limit: 8 * MiB },
  { name: "a certificate", path: "/1.0/loadbalancer/lb/certificates/abcpem.pem", limit: MiB },
  { name: "a server certificate", path: "/1.0/certificate", limit: MiB },
  { name: "an agent configuration", path: "/1.0/config", limit: MiB },
])("$name one byte over its limit is refused, the connection ends, nothing is stored", async ({ path, limit }) => {
  const server = await startTestServer();
  const answer = await server.call("PUT", path, { body: Buffer.alloc(limit + 1, "x") });
  expect(answer).toMatchObject({ status: 400, headers: { connection: "close", "content-type": "application/json" } });
  expect(answer.json()).toEqual({
    error: `400 Bad Request: The body is larger than ${limit} bytes.`,
    http_code: 400,
  });
  expect(server.stored.size).toBe(0);
  if (path !== "/1.0/certificate") {
    expect((await server.call("PUT", path, { body: Buffer.alloc(limit, "x") })).status).toBeLessThan(300);
  }
});

test("a body far over its limit gets its answer too", async () => {
  const server = await startTestServer();
  const answer = await server.call("PUT", "/1.0/config", { body: Buffer.alloc(48 * MiB) });
  expect(answer.status).toBe(400);
});

test("uploads together take no more memory than there is for them", async () => {
  const server = await startTestServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.beforeChange = () => promise;
  const body = Buffer.alloc(3 * MiB);
  const answers: Answer[] = [];
  const calls = Array.from({ length: 9 }, async (_, index) => {
    answers.push(await server.call("PUT", upload(`lb${index}`), { body }));
  });
  await waitFor("those there is no memory for", () => answers.length === 5);
  resolve();
  await Promise.all(calls);
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 202, 202, 202, 202]);
  expect(answers[0]?.json()).toMatchObject({ http_code: 503 });
});

test("changes of one load balancer come one after the other, in order; others and reads are not held up", async () => {
  const server = await startTestServer();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  server.beforeChange = async (id, what) => {
    order.push(`${id} ${what} begins`);
    if (id === "slow") await promise;
    order.push(`${id} ${what} ends`);
  };
  const first = server.call("PUT", "/1.0/loadbalancer/slow/reload");
  await waitFor("the first change", () => order.length === 1);
  const second = server.call("PUT", upload("slow"), { body: "x" });
  const certificate = server.call("PUT", "/1.0/loadbalancer/slow/certificates/abcpem.pem", { body: "x" });
  await server.call("PUT", "/1.0/loadbalancer/quick/reload");
  expect((await server.call("GET", "/1.0/info")).status).toBe(200);
  expect((await server.call("GET", "/1.0/loadbalancer/slow/haproxy")).status).toBe(404);
  expect(server.stored.has("slow/abcpem.pem")).toBe(false);
  expect(order).toEqual(["slow reload begins", "quick reload begins", "quick reload ends"]);
  resolve();
  expect((await Promise.all([first, second, certificate])).map(({ status }) => status)).toEqual([202, 202, 200]);
  expect(order.slice(3)).toEqual(["slow reload ends", "slow upload begins", "slow upload ends"]);
});

test("changes past the bound of the queue are told to come again", async () => {
  const server = await startTestServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.beforeChange = () => promise;
  const calls = Array.from({ length: 80 }, () => server.call("PUT", "/1.0/loadbalancer/lb/reload"));
  const first = await Promise.race(calls);
  expect(first).toMatchObject({ status: 503 });
  resolve();
  const statuses = new Set((await Promise.all(calls)).map((answer) => answer.status));
  expect(statuses).toEqual(new Set([202, 503]));
});

test("Octavia's own client never keeps a connection, everybody else does", async () => {
  const server = await startTestServer();
  const kept = keptConnection(server);
  expect(await kept("GET", "/1.0/info")).toEqual({ status: 200, connection: "keep-alive", reused: false });
  expect(await kept("GET", "/1.0/nothing")).toEqual({ status: 404, connection: "keep-alive", reused: true });
  expect(await kept("PUT", upload("lb"))).toEqual({ status: 202, connection: "keep-alive", reused: true });
  for (const version of ["0.5", "None", "1.0"]) {
    const headers = {
      "user-agent": `Octavia HaProxy Rest Client/${version} (https://wiki.openstack.org/wiki/Octavia)`,
    };
    for (const path of ["/", "/1.0/info", "/1.0/nothing"]) {
      expect((await server.call("GET", path, { headers })).headers["connection"]).toBe("close");
    }
  }
});

test("whoever has no certificate, or a foreign one, gets no session", async () => {
  const server = await startTestServer();
  await expect(server.call("GET", "/", { client: null })).rejects.toThrow();
  const foreign = await (await TestCertificateAuthority.create(`${server.folder}/foreign`)).issue("client");
  await expect(server.call("GET", "/", { client: foreign })).rejects.toThrow();
  expect((await server.call("GET", "/")).status).toBe(200);
  await waitFor(
    "both denials in the log",
    () => server.log.lines.filter((l) => l.event === "access.denied").length >= 2,
  );
});

test("the role decides, and a denial is logged", async () => {
  const server = await startTestServer();
  expect((await server.call("GET", "/1.0/info", { client: server.reader })).status).toBe(403);
  expect((await server.call("GET", "/", { client: server.reader })).status).toBe(200);
  expect((await server.call("GET", "/krater/v1/openapi.json", { client: server.reader })).status).toBe(200);
  expect(await server.call("GET", "/krater/v1/openapi.json")).toMatchObject({
    status: 403,
    headers: { "content-type": "application/problem+json" },
  });
  const odd = await server.authority.issue("odd", ["URI:urn:krater:role:admin"], "odd");
  expect((await server.call("GET", "/", { client: odd })).status).toBe(403);
  expect(server.log.lines.filter((line) => line.event === "access.denied")).toHaveLength(3);
});

test.for([
  { offered: "TLSv1.2" as const, asked: "TLSv1.1" as const, works: false },
  { offered: "TLSv1.2" as const, asked: "TLSv1.2" as const, works: true },
  { offered: "TLSv1.2" as const, asked: "TLSv1.3" as const, works: true },
  { offered: "TLSv1.3" as const, asked: "TLSv1.2" as const, works: false },
  { offered: "TLSv1.3" as const, asked: "TLSv1.3" as const, works: true },
])("agent_tls_protocol $offered, a client of $asked: works $works", async ({ offered, asked, works }) => {
  const server = await startTestServer({ server: { minVersion: offered } });
  const answer = server.call("GET", "/", { tls: asked });
  if (works) expect((await answer).status).toBe(200);
  else await expect(answer).rejects.toThrow();
});

test("stopping aborts what is being done, ends idle connections and takes no new ones", async () => {
  const server = await startTestServer();
  await keptConnection(server)("GET", "/");
  const events = server.call("GET", "/krater/v1/events", { client: server.reader });
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = false;
  server.beforeChange = () => {
    begun = true;
    return promise;
  };
  const change = server.call("PUT", "/1.0/loadbalancer/lb/reload");
  await waitFor("the change", () => begun);
  const begunMs = performance.now();
  await server.stop();
  expect(performance.now() - begunMs).toBeLessThan(1_500);
  await Promise.allSettled([events, change]);
  resolve();
  await expect(server.call("GET", "/")).rejects.toThrow("ECONNREFUSED");
});
