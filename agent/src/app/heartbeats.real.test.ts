import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type RunningAgent, startAgent } from "../../../test/harness/agent.ts";
import { freePort } from "../../../test/harness/free-port.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../test/harness/tools.ts";
import { waitFor } from "../../../test/harness/wait-for.ts";
import { type HeartbeatMessage, heartbeatMessage } from "../contract/heartbeat.ts";
import { openDatagram } from "../testing/open-datagram.ts";

const testWithHaproxy = test.skipIf(!hasTool("haproxy"));

const KEY = "insecure-test-key"; // as the harness configures it
const lb = "1b000001-0001-4000-8000-000000000001";
const listener = "11000001-0001-4000-8000-000000000001";
const watched = `50000001-0001-4000-8000-000000000001:${listener}`;
const unwatched = `50000002-0002-4000-8000-000000000002:${listener}`;
const empty = `50000003-0003-4000-8000-000000000003:${listener}`;
const lost = `50000004-0004-4000-8000-000000000004:${listener}`;
const member = (n: number): string => `3e00000${n}-000${n}-4000-8000-00000000000${n}`;

/** A health manager: opens what arrives with the key and keeps it. */
async function controller(): Promise<{ port: number; messages: HeartbeatMessage[] }> {
  const socket = createSocket("udp4");
  const messages: HeartbeatMessage[] = [];
  socket.on("message", (datagram) => {
    const opened = openDatagram(datagram, KEY);
    if (opened.ok) messages.push(heartbeatMessage.parse(opened.value));
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, messages };
}

async function beatingAgent(...controllers: { port: number }[]): Promise<RunningAgent> {
  const list = controllers.map(({ port }) => `127.0.0.1:${port}`).join(", ");
  const agent = await startAgent(await temporaryDirectory(), {
    heartbeats: { controllers: list, heartbeatIntervalS: 1 },
  });
  onTestFinished(() => agent.destroy());
  return agent;
}

async function httpServer(): Promise<number> {
  const server = createServer((_request, response) => response.end("here"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

interface Ports {
  listen: number;
  alive: number;
  dead: number;
  extra?: string;
}

/** A member of each kind: with a monitor up, draining, down and disabled, then without one, also of weight 0. */
function configuration(agent: RunningAgent, { listen, alive, dead, extra = "" }: Ports): string {
  const monitored = "check inter 200ms fall 1 rise 1";
  return `global
    daemon
    user nobody
    stats socket ${agent.basePath}/${lb}.sock mode 0666 level user
    server-state-file ${agent.basePath}/${lb}/servers-state
    maxconn 500
defaults
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    mode http
    load-server-state-from-file global
frontend prometheus-exporter-internal-endpoint
    bind ${agent.basePath}/exporter.sock
    default_backend prometheus-exporter-internal
frontend ${listener}
    bind 127.0.0.1:${listen}
    default_backend ${watched}
    ${extra}
backend prometheus-exporter-internal
    server prometheus-internal 127.0.0.1:${dead}
backend ${watched}
    server ${member(1)} 127.0.0.1:${alive} weight 1 ${monitored}
    server ${member(2)} 127.0.0.1:${alive} weight 0 ${monitored}
    server ${member(3)} 127.0.0.1:${dead} weight 1 ${monitored}
    server ${member(4)} 127.0.0.1:${alive} weight 1 ${monitored} disabled
backend ${unwatched}
    server ${member(5)} 127.0.0.1:${dead} weight 1
    server ${member(6)} 127.0.0.1:${dead} weight 0
backend ${empty}
backend ${lost}
    server ${member(7)} 127.0.0.1:${dead} weight 1 ${monitored}
`;
}

async function push(agent: RunningAgent, text: string): Promise<void> {
  const upload = await agent.call("PUT", `/1.0/loadbalancer/${agent.amphoraId}/${lb}/haproxy`, { body: text });
  expect(upload.status, upload.body.toString()).toBe(202);
  const reload = await agent.call("PUT", `/1.0/loadbalancer/${lb}/reload`);
  expect(reload.status, reload.body.toString()).toBe(202);
}

function get(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false }, (incoming) => {
      incoming.resume();
      incoming.once("end", () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

testWithHaproxy("real haproxy's members, pools and listeners are told as the reference tells them", async () => {
  const manager = await controller();
  const agent = await beatingAgent(manager);
  await waitFor("a beat before anything is configured", () => manager.messages.length > 0);
  expect(manager.messages[0]).toEqual({ id: agent.amphoraId, seq: 0, listeners: {}, pools: {}, ver: 3 });

  const ports = { listen: await freePort(), alive: await httpServer(), dead: await freePort() };
  await push(agent, configuration(agent, ports));
  const last = await waitFor("the checks to have an opinion", () =>
    manager.messages.findLast(
      ({ pools }) => pools[lost]?.status === "DOWN" && pools[watched]?.members[member(3)] === "DOWN",
    ),
  );
  expect(last.pools).toEqual({
    [watched]: {
      status: "UP",
      members: { [member(1)]: "UP", [member(2)]: "DRAIN", [member(3)]: "DOWN", [member(4)]: "MAINT" },
    },
    [unwatched]: { status: "UP", members: { [member(5)]: "no check", [member(6)]: "no check" } },
    [empty]: { status: "UP", members: {} },
    [lost]: { status: "DOWN", members: { [member(7)]: "DOWN" } },
  });
  expect(last.listeners).toEqual({
    [listener]: { status: "OPEN", stats: { tx: 0, rx: 0, conns: 0, totconns: 0, ereq: 0 } },
  });
  expect(last.ver).toBe(3);
});

testWithHaproxy("counters are differences, over a reload of haproxy and a restart of the agent", async () => {
  const manager = await controller();
  const agent = await beatingAgent(manager);
  const ports = { listen: await freePort(), alive: await httpServer(), dead: await freePort() };
  await push(agent, configuration(agent, ports));
  await waitFor("the member to be up", () => manager.messages.at(-1)?.pools[watched]?.members[member(1)] === "UP");

  const total = (): number =>
    manager.messages.reduce((sum, each) => sum + (each.listeners[listener]?.stats.totconns ?? 0), 0);
  const reported = async (connections: number): Promise<void> => {
    await waitFor(`${connections} connections to be reported`, () => total() >= connections);
    const beats = manager.messages.length;
    await waitFor("two more beats", () => manager.messages.length >= beats + 2);
    expect(total()).toBe(connections);
  };

  for (let n = 0; n < 7; n++) expect(await get(ports.listen)).toBe(200);
  await reported(7);
  expect(manager.messages.find((each) => (each.listeners[listener]?.stats.totconns ?? 0) > 0)).toMatchObject({
    listeners: { [listener]: { stats: { rx: expect.any(Number), tx: expect.any(Number) } } },
  });

  await push(agent, configuration(agent, { ...ports, extra: "http-request set-header X-Changed yes" }));
  for (let n = 0; n < 3; n++) expect(await get(ports.listen)).toBe(200);
  await reported(10);

  const path = join(agent.basePath, "stats_counters.json");
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
    [listener]: { bin: expect.any(Number), bout: expect.any(Number), ereq: 0, stot: 3 },
  });

  await agent.restart();
  await waitFor("the new agent's first beat", () => manager.messages.at(-1)?.seq === 0);
  for (let n = 0; n < 2; n++) expect(await get(ports.listen)).toBe(200);
  await reported(12);
});

testWithHaproxy("beats go round the controllers, and a dead one costs its turns only", async () => {
  const managers = [await controller(), await controller()];
  const nobody = { port: await freePort() };
  await beatingAgent(managers[0] as { port: number }, nobody, managers[1] as { port: number });
  await waitFor("two rounds", () => managers.every((each) => each.messages.length >= 2), { timeoutMs: 15_000 });
  expect(managers[0]?.messages.slice(0, 2).map((each) => each.seq)).toEqual([0, 3]);
  expect(managers[1]?.messages.slice(0, 2).map((each) => each.seq)).toEqual([2, 5]);
});

testWithHaproxy("a new interval, key and controller list come with PUT /1.0/config, without a restart", async () => {
  const before = await controller();
  const after = await controller();
  const agent = await beatingAgent(before);
  await waitFor("a first beat", () => before.messages.length > 0);
  const text = (await readFile(join(agent.folder, "amphora-agent.conf"), "utf8")).replace(
    `127.0.0.1:${before.port}`,
    `127.0.0.1:${after.port}`,
  );
  expect((await agent.call("PUT", "/1.0/config", { body: text })).status).toBe(202);
  await waitFor("a beat at the new controller", () => after.messages.length > 0);
  const last = before.messages.length;
  await waitFor("more beats there", () => after.messages.length > 2);
  expect(before.messages.length).toBe(last);
});
