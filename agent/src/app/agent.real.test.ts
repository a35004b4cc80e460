import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { agentBundle, agentNodeFlags } from "../../../scripts/bundle-agent.ts";
import { type RunningAgent, startAgent } from "../../../test/harness/agent.ts";
import { freePort } from "../../../test/harness/free-port.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../test/harness/tools.ts";
import { waitFor } from "../../../test/harness/wait-for.ts";

const testWithHaproxy = test.skipIf(!hasTool("haproxy"));

async function start(settings: Parameters<typeof startAgent>[1] = {}): Promise<RunningAgent> {
  const agent = await startAgent(await temporaryDirectory(), settings);
  onTestFinished(() => agent.destroy());
  return agent;
}

const lb = "1b000001-0001-4000-8000-000000000001";

/** A configuration as a controller renders it, answering by itself. */
function configuration(agent: RunningAgent, port: number, answer: string): string {
  return `global
    daemon
    user nobody
    group nogroup
    log stdout local0 notice
    stats socket ${agent.basePath}/${lb}.sock mode 0666 level user
    server-state-file ${agent.basePath}/${lb}/servers-state
    maxconn 1000

defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s

frontend 11000001-0001-4000-8000-000000000001
    bind 127.0.0.1:${port}
    mode http
    http-request return status 200 content-type text/plain string "${answer}"
`;
}

async function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port, agent: false }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (data: string) => {
        text += data;
      });
      incoming.on("end", () => resolve(text));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

testWithHaproxy("upload, start, reload, survive the agent, delete: as a controller does it", async () => {
  const agent = await start();
  const port = await freePort();
  const upload = (answer: string) =>
    agent.call("PUT", `/1.0/loadbalancer/${agent.amphoraId}/${lb}/haproxy`, {
      body: configuration(agent, port, answer),
    });

  const first = await upload("one");
  expect(first).toMatchObject({ status: 202 });
  expect(first.headers["etag"]).toBe(
    createHash("md5")
      .update(configuration(agent, port, "one"))
      .digest("hex"),
  );
  const started = await agent.call("PUT", `/1.0/loadbalancer/${lb}/reload`);
  expect(started.json()).toEqual({
    message: "OK",
    details: `Configuration file is valid\nhaproxy daemon for ${lb} started`,
  });
  expect(await ask(port)).toBe("one");

  expect((await agent.call("GET", "/1.0/listeners")).json()).toEqual([
    { status: "ACTIVE", uuid: "11000001-0001-4000-8000-000000000001", type: "HTTP" },
  ]);
  expect((await agent.call("GET", "/1.0/details")).json()).toMatchObject({
    haproxy_count: 1,
    listeners: ["11000001-0001-4000-8000-000000000001"],
  });

  await upload("two");
  expect(await ask(port)).toBe("one"); // an upload applies nothing
  const reloaded = await agent.call("PUT", `/1.0/loadbalancer/${lb}/reload`);
  expect(reloaded.json()).toEqual({ message: "OK", details: `Listener ${lb} reloaded` });
  await waitFor("the new worker", async () => (await ask(port)) === "two");

  expect(await agent.stop()).toBe(0);
  expect(await ask(port)).toBe("two");
  await agent.restart();
  expect((await agent.call("GET", "/1.0/details")).json()).toMatchObject({ haproxy_count: 1 });

  const refused = await agent.call("PUT", `/1.0/loadbalancer/${agent.amphoraId}/${lb}/haproxy`, {
    body: `${configuration(agent, port, "three")}    nonsense here\n`,
  });
  expect(refused).toMatchObject({ status: 400 });
  expect(refused.json()).toMatchObject({ message: "Invalid request", details: expect.stringContaining("nonsense") });
  expect(await ask(port)).toBe("two");

  expect((await agent.call("DELETE", `/1.0/listeners/${lb}`)).json()).toEqual({ message: "OK" });
  await expect(ask(port)).rejects.toThrow("ECONNREFUSED");
  expect((await agent.call("GET", `/1.0/loadbalancer/${lb}/haproxy`)).status).toBe(404);
});

test("the process stops within two seconds, even with readers and requests open", async () => {
  const agent = await start();
  const reader = await agent.authority.issue("reader", ["URI:urn:krater:role:reader"], "reader");
  const events = agent.call("GET", "/krater/v1/events", { client: reader });
  const upload = agent.call("PUT", `/1.0/loadbalancer/${agent.amphoraId}/${lb}/haproxy`, {
    headers: { "transfer-encoding": "chunked" },
  });
  await waitFor(
    "the event reader",
    async () => (await agent.call("GET", "/krater/v1/status", { client: reader })).status === 200,
  );
  const begunMs = performance.now();
  expect(await agent.stop()).toBe(0);
  expect(performance.now() - begunMs).toBeLessThan(2_000);
  await Promise.allSettled([events, upload]);
});

test("a second agent over the same base path ends with one line, the first goes on", async () => {
  const agent = await start();
  const files = ["amphora-agent.conf", "krater.conf"].flatMap((name) => ["--config-file", join(agent.folder, name)]);
  const { code, stderr } = await runBundle(files);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `krater agent: another agent looks after ${agent.basePath}\n`,
  });
  expect((await agent.call("GET", "/")).status).toBe(200);
});

test("logrotate's signal opens no debugger", async () => {
  const agent = await start();
  agent.process.kill("SIGUSR1");
  agent.process.kill("SIGHUP");
  await waitFor("the reload", async () => (await readFile(agent.logPath, "utf8")).includes("configuration.changed"));
  expect((await agent.call("GET", "/1.0/info")).status).toBe(200);
  expect(await readFile(agent.logPath, "utf8")).not.toContain("Debugger");
});

test("info, status, metrics and the OpenAPI document are there", async () => {
  const agent = await start();
  const reader = await agent.authority.issue("reader", ["URI:urn:krater:role:reader"], "reader");
  expect((await agent.call("GET", "/1.0/info")).json()).toMatchObject({ api_version: "1.0" });
  const status = await agent.call("GET", "/krater/v1/status", { client: reader });
  expect(status.json()).toMatchObject({ amphoraId: agent.amphoraId, supervisor: "spawn", loadBalancers: [] });
  const metrics = await agent.call("GET", "/krater/v1/metrics", { client: reader });
  expect(metrics.body.toString()).toContain("krater_agent_info");
  const document = await agent.call("GET", "/krater/v1/openapi.json", { client: reader });
  expect(document.json()).toMatchObject({ openapi: "3.1.1" });
});

test("PUT /1.0/config replaces the file and what may change; the key reaches no log", async () => {
  const agent = await start();
  const path = join(agent.folder, "amphora-agent.conf");
  const before = await readFile(path, "utf8");
  const bad = await agent.call("PUT", "/1.0/config", {
    body: before.replace("heartbeat_interval = 10", "heartbeat_interval = x"),
  });
  expect(bad).toMatchObject({ status: 500 });
  expect(bad.json()).toMatchObject({
    message: "Unable to update amphora-agent configuration.",
    details: expect.stringContaining("heartbeat_interval wants a whole number"),
  });
  expect(await readFile(path, "utf8")).toBe(before);

  const next = before.replace("insecure-test-key", "another-test-key").replace("debug = False", "debug = True");
  const good = await agent.call("PUT", "/1.0/config", { body: next });
  expect(good).toMatchObject({ status: 202 });
  expect(good.json()).toEqual({ message: "OK" });
  expect(await readFile(path, "utf8")).toBe(next);
  expect((await stat(path)).mode & 0o777).toBe(0o600);

  await writeFile(path, next.replace("another-test-key", "third-test-key").replace("= SINGLE", "= ACTIVE_STANDBY"));
  agent.process.kill("SIGHUP");
  const reader = await agent.authority.issue("reader", ["URI:urn:krater:role:reader"], "reader");
  await waitFor("the new topology", async () => {
    const status = (await agent.call("GET", "/krater/v1/status", { client: reader })).json() as { topology: string };
    return status.topology === "ACTIVE_STANDBY";
  });
  const log = await readFile(agent.logPath, "utf8");
  expect(log).toContain("configuration.changed");
  expect(log).not.toMatch(/insecure-test-key|another-test-key|third-test-key/);
});

interface Exit {
  code: number | null;
  stderr: string;
}

function runBundle(args: string[]): Promise<Exit & { stdout: string }> {
  const child = spawn(process.execPath, [...agentNodeFlags, agentBundle, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

test("a bad start is one line and exit 78", async () => {
  const agent = await start();
  await agent.stop();
  const file = join(agent.folder, "amphora-agent.conf");
  const good = await readFile(file, "utf8");
  const server = join(agent.folder, "server.pem");
  const certificate = await readFile(server, "utf8");
  const attempts: { name: string; prepare: () => Promise<unknown>; args?: string[]; says: RegExp }[] = [
    { name: "an unknown flag", prepare: async () => {}, args: ["--nonsense"], says: /--nonsense/ },
    {
      name: "no such file",
      prepare: async () => {},
      args: ["--config-file", "/nonexistent.conf"],
      says: /\/nonexistent\.conf: there is no such file/,
    },
    {
      name: "a bad value",
      prepare: () => writeFile(file, `${good}\n[DEFAULT]\ndebug = 7`),
      says: /amphora-agent\.conf:\d+: \[DEFAULT\] debug wants True or False/,
    },
    {
      name: "a key without its certificate",
      prepare: () =>
        writeFile(file, good).then(() => writeFile(server, certificate.slice(certificate.indexOf("-----BEGIN RSA")))),
      says: /server\.pem: no certificate in PEM form/,
    },
    {
      name: "half a key",
      prepare: () => writeFile(server, certificate.slice(0, -300)),
      says: /server\.pem: no private key/,
    },
    { name: "no certificate at all", prepare: () => rm(server), says: /server\.pem: cannot be read \(ENOENT\)/ },
  ];
  for (const { name, prepare, args = ["--config-file", file], says } of attempts) {
    await prepare();
    const { code, stderr } = await runBundle(args);
    expect({ name, code }).toEqual({ name, code: 78 });
    expect(stderr).toMatch(says);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain("insecure-test-key");
  }
});

test("a port in use is one line and an exit, and no heartbeat claims otherwise", async () => {
  const agent = await start();
  const sink = createSocket("udp4");
  onTestFinished(() => void sink.close());
  sink.bind(0, "127.0.0.1");
  await once(sink, "listening");
  let beats = 0;
  sink.on("message", () => beats++);
  const second = join(agent.folder, "second.conf");
  const own = `[haproxy_amphora]\nbase_path = ${agent.folder}/second\n[krater]\nrun_directory = ${agent.folder}/second\n`;
  await writeFile(second, `${own}[health_manager]\ncontroller_ip_port_list = 127.0.0.1:${sink.address().port}\n`);
  const files = ["amphora-agent.conf", "krater.conf", "second.conf"];
  const { code, stderr } = await runBundle(files.flatMap((name) => ["--config-file", join(agent.folder, name)]));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^krater agent: listen EADDRINUSE.*\n$/);
  expect(beats).toBe(0);
  expect((await agent.call("GET", "/")).status).toBe(200);
});

test("help and version need nothing", async () => {
  expect(await runBundle(["--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("--config-file") });
  expect(await runBundle(["--version"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});
