import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { startTestServer, type TestServer } from "../../../../test/harness/http-server.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";

const MiB = 1024 * 1024;

/** A client with a certificate that sends what the test says, and reads when the test does. */
async function rawClient(server: TestServer): Promise<TLSSocket> {
  const { certificatePem: cert, keyPem: key } = server.stock;
  const socket = connect({ host: "127.0.0.1", port: server.port, cert, key, rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

async function silentConnection(port: number): Promise<Socket> {
  const socket = connectTcp({ host: "127.0.0.1", port });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.resume(); // so that its end is seen
  await once(socket, "connect");
  return socket;
}

test("uploads that do not go on keep nobody from uploading", async () => {
  const server = await startTestServer();
  for (let count = 0; count < 40; count++) {
    const socket = await rawClient(server);
    socket.write(`PUT /1.0/loadbalancer/amp/a/haproxy HTTP/1.1\r\nHost: x\r\nContent-Length: ${8 * MiB}\r\n\r\nhello`);
  }
  const answer = await server.call("PUT", "/1.0/loadbalancer/amp/b/haproxy", { body: Buffer.alloc(8 * MiB) });
  expect(answer.status).toBe(202);
});

test("long answers nobody reads take no more memory than there is for them", async () => {
  const server = await startTestServer();
  server.stored.set("long", Buffer.alloc(8 * MiB));
  const path = "/1.0/loadbalancer/long/haproxy";
  const unread = await rawClient(server);
  unread.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await once(unread, "readable");
  expect(await server.call("GET", path)).toMatchObject({ status: 503 });
  expect((await server.call("GET", "/1.0/info")).status).toBe(200);
  unread.destroy();
  await waitFor("the memory of the one who went", async () => (await server.call("GET", path)).status === 200);
});

test("silent connections without a certificate keep no controller out, and the log stays short", async () => {
  const server = await startTestServer();
  const silent = await Promise.all(Array.from({ length: 600 }, () => silentConnection(server.port)));
  await waitFor("the oldest to be pushed out", () => silent.filter((socket) => socket.closed).length >= 344);
  expect((await server.call("GET", "/1.0/info")).status).toBe(200);
  const lines = server.log.lines.filter(({ event }) => event === "connection.refused");
  expect(lines).toHaveLength(20);
});
