import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { AgentCallFailed } from "../../core/drivers/agent-client.ts";
import type { AmphoraEndpoint } from "../../core/drivers/amphora-driver.ts";
import { systemClock } from "../clock/system-clock.ts";
import { LocalCertificateAuthority } from "../pki/local-certificate-authority.ts";
import { HttpsAgentClient } from "./https-agent-client.ts";

const amphoraId = "a3000001-0001-4000-8000-000000000001";
const loadBalancerId = "1b000001-0001-4000-8000-000000000001";
const signal = new AbortController().signal;
let folder: string;
let authority: LocalCertificateAuthority;
let certificate: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kt-"));
  authority = await LocalCertificateAuthority.open(join(folder, "pki"), systemClock);
  certificate = (await authority.issueAmphoraCertificate(amphoraId)).pem;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Asked {
  method: string;
  url: string;
  body: string;
}

/** An agent that answers as told; sockets are counted, so that tests see connections being kept. */
async function agentThat(
  answer: (request: IncomingMessage, response: ServerResponse, asked: Asked[]) => void,
): Promise<{ endpoint: AmphoraEndpoint; asked: Asked[]; connections: () => number; server: Server }> {
  const asked: Asked[] = [];
  const sockets = new Set<Duplex>();
  let connections = 0;
  const server = createServer(
    { cert: certificate, key: certificate, ca: authority.clientCaPem, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        asked.push({ method: request.method ?? "", url: request.url ?? "", body });
        answer(request, response, asked);
      });
    },
  );
  server.on("secureConnection", () => {
    connections += 1;
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: { amphoraId, address: "127.0.0.1", port }, asked, connections: () => connections, server };
}

function client(limits: { connectTimeoutMs?: number; requestTimeoutMs?: number } = {}): HttpsAgentClient {
  const made = new HttpsAgentClient(authority, limits);
  onTestFinished(() => made.close());
  return made;
}

const json = (status: number, body: unknown) => (_request: IncomingMessage, response: ServerResponse) => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

async function failureOf(work: Promise<unknown>): Promise<AgentCallFailed> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AgentCallFailed);
  return error as AgentCallFailed;
}

test("each call is the one a stock controller makes, over one kept connection", async () => {
  const agent = await agentThat((request, response) => {
    if (request.url === "/1.0/info") return json(200, { haproxy_version: "2.6.12-1+deb12u4" })(request, response);
    if (request.method === "GET") return void response.end("global\n");
    json(request.method === "DELETE" ? 200 : 202, { message: "OK" })(request, response);
  });
  const calls = client();
  expect(await calls.info(agent.endpoint, signal)).toEqual({ haproxyVersion: "2.6.12-1+deb12u4" });
  await calls.uploadConfiguration(agent.endpoint, loadBalancerId, "global\n", signal);
  await calls.act(agent.endpoint, loadBalancerId, "reload", signal);
  expect(await calls.readConfiguration(agent.endpoint, loadBalancerId, signal)).toBe("global\n");
  await calls.deleteLoadBalancer(agent.endpoint, loadBalancerId, signal);
  await calls.replaceCertificate(agent.endpoint, "PEM", signal);
  expect(agent.asked).toEqual([
    { method: "GET", url: "/1.0/info", body: "" },
    { method: "PUT", url: `/1.0/loadbalancer/${amphoraId}/${loadBalancerId}/haproxy`, body: "global\n" },
    { method: "PUT", url: `/1.0/loadbalancer/${loadBalancerId}/reload`, body: "" },
    { method: "GET", url: `/1.0/loadbalancer/${loadBalancerId}/haproxy`, body: "" },
    { method: "DELETE", url: `/1.0/listeners/${loadBalancerId}`, body: "" },
    { method: "PUT", url: "/1.0/certificate", body: "PEM" },
  ]);
  expect(agent.connections()).toBe(1);
});

test("an amphora with another id is not talked to, whatever its address", async () => {
  const agent = await agentThat(json(200, { haproxy_version: "2.6" }));
  const other = { ...agent.endpoint, amphoraId: "a3000002-0002-4000-8000-000000000002" };
  expect((await failureOf(client().info(other, signal))).message).toContain("does not match certificate");
  expect(agent.asked).toEqual([]);
});

test("a connection to one amphora is never used for another at the same address", async () => {
  const agent = await agentThat(json(200, { haproxy_version: "2.6" }));
  const calls = client();
  await calls.info(agent.endpoint, signal);
  await failureOf(calls.info({ ...agent.endpoint, amphoraId: "a3000002-0002-4000-8000-000000000002" }, signal));
  expect(agent.asked).toHaveLength(1);
});

test("a server of another authority is not talked to", async () => {
  const foreign = await LocalCertificateAuthority.open(join(folder, "foreign"), systemClock);
  const agent = await agentThat(json(200, { haproxy_version: "2.6" }));
  const calls = new HttpsAgentClient({ client: authority.client, serverCaPem: foreign.serverCaPem });
  onTestFinished(() => calls.close());
  await failureOf(calls.info(agent.endpoint, signal));
  expect(agent.asked).toEqual([]);
});

test("a refusal carries the agent's status and haproxy's own words", async () => {
  const agent = await agentThat(json(400, { message: "Invalid request", details: "[ALERT] parsing [x.cfg:3]" }));
  const failure = await failureOf(client().uploadConfiguration(agent.endpoint, loadBalancerId, "x", signal));
  expect(failure.status).toBe(400);
  expect(failure.message).toContain("400: Invalid request: [ALERT] parsing [x.cfg:3]");
  expect(agent.asked).toHaveLength(1); // an answer is not tried again
});

test.for([
  {
    name: "the framework's shape",
    body: { error: "500 Internal Server Error: x", http_code: 500 },
    want: "500 Internal",
  },
  { name: "something else", body: "plain", want: '"plain"' },
])("a refusal in $name is told too", async ({ body, want }) => {
  const agent = await agentThat(json(500, body));
  expect((await failureOf(client().info(agent.endpoint, signal))).message).toContain(want);
});

test("an answer without a haproxy version is a failure", async () => {
  const agent = await agentThat(json(200, { haproxy_version: "unknown" }));
  expect((await failureOf(client().info(agent.endpoint, signal))).message).toContain("no haproxy version");
});

test("no configuration is undefined, not a failure", async () => {
  const agent = await agentThat(json(404, { message: "Loadbalancer Not Found" }));
  expect(await client().readConfiguration(agent.endpoint, loadBalancerId, signal)).toBeUndefined();
});

test("nobody listening is tried a few times and then a failure without a status", async () => {
  const failure = await failureOf(client().info({ amphoraId, address: "127.0.0.1", port: 1 }, signal));
  expect(failure.status).toBeUndefined();
  expect(failure.message).toContain("ECONNREFUSED");
});

test("a connection that breaks is tried again for what may be repeated, and not for a reload", async () => {
  const agent = await agentThat((_request, response, asked) => {
    if (asked.length < 3) response.socket?.destroy();
    else json(202, {})(_request, response);
  });
  await client().uploadConfiguration(agent.endpoint, loadBalancerId, "x", signal);
  expect(agent.asked).toHaveLength(3);
  const fragile = await agentThat((_request, response) => void response.socket?.destroy());
  await failureOf(client().act(fragile.endpoint, loadBalancerId, "reload", signal));
  expect(fragile.asked).toHaveLength(1);
});

test("half an answer is a broken connection, not an answer", async () => {
  const agent = await agentThat((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("{");
    setImmediate(() => response.socket?.destroy());
  });
  expect((await failureOf(client().info(agent.endpoint, signal))).status).toBeUndefined();
});

test("an answer that never ends growing is cut off", async () => {
  const agent = await agentThat((_request, response) => {
    response.writeHead(200);
    const more = () => {
      if (!response.destroyed) response.write("x".repeat(64 * 1024), () => setImmediate(more));
    };
    more();
  });
  expect((await failureOf(client().info(agent.endpoint, signal))).message).toContain("too large");
});

test("an agent that takes too long is given up", async () => {
  const agent = await agentThat(() => {});
  const failure = await failureOf(
    client({ requestTimeoutMs: 50 }).act(agent.endpoint, loadBalancerId, "reload", signal),
  );
  expect(failure.message).toContain("no answer within 50 ms");
});

test("a port that accepts and says nothing is given up", async () => {
  const silent = createTcpServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const failure = await failureOf(
    client({ connectTimeoutMs: 50 }).act({ amphoraId, address: "127.0.0.1", port }, loadBalancerId, "reload", signal),
  );
  expect(failure.message).toContain("no connection within 50 ms");
});

test("a caller that gives up is let go at once, with its own reason", async () => {
  const agent = await agentThat(() => {});
  const giveUp = new AbortController();
  const call = client().info(agent.endpoint, giveUp.signal);
  setTimeout(() => giveUp.abort(new Error("enough")), 20);
  await expect(call).rejects.toThrow("enough");
});
