import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { seededApi } from "../../testing/seeded-api.ts";
import { createApi } from "./create-api.ts";
import { serveApi } from "./serve-api.ts";

async function served() {
  const { api } = await seededApi();
  const note = () => undefined;
  const app = createApi(Object.assign(api, { log: { info: note, warn: note, error: note, debug: note } }));
  const running = await serveApi(app, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => running.close());
  return running;
}

/** What comes back for these bytes, until the other side closes. */
function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    let answer = "";
    socket.setEncoding("utf8");
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no end after: ${answer}`)));
    socket.on("data", (text: string) => {
      answer += text;
    });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

test.for([
  { name: "no HTTP at all", bytes: "hello\r\n\r\n", status: 400 },
  { name: "a TLS hello", bytes: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", status: 400 },
  { name: "40 kB of headers", bytes: `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(40_000)}\r\n\r\n`, status: 431 },
  {
    name: "two lengths",
    bytes: "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{",
    status: 400,
  },
  { name: "a bad host", bytes: "GET / HTTP/1.1\r\nhost: a b/c\r\nconnection: close\r\n\r\n", status: 400 },
  {
    name: "an expectation",
    bytes: "GET / HTTP/1.1\r\nhost: a\r\nexpect: tea\r\nconnection: close\r\n\r\n",
    status: 417,
  },
  { name: "no host", bytes: "GET /v2 HTTP/1.0\r\n\r\n", status: 200 },
])("$name is answered $status, as JSON", async ({ bytes, status }) => {
  const { port } = await served();
  const answer = await sendRaw(port, bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer.toLowerCase()).toContain("content-type: application/json");
  const body: unknown = JSON.parse(answer.split("\r\n\r\n")[1] ?? "");
  if (status !== 200) expect(body).toMatchObject({ faultcode: "Client", debuginfo: null });
});

test("a body that goes on past its limit is cut off, however it is announced", async () => {
  const { port } = await served();
  const chunk = `1000\r\n${" ".repeat(4096)}\r\n`;
  const head = "POST /v2.0/lbaas/pools HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  expect(await sendRaw(port, head + chunk.repeat(40))).toMatch(/^HTTP\/1\.1 413 /);
});

test("answers over a socket are what the routes say", async () => {
  const { port } = await served();
  const answer = await fetch(`http://127.0.0.1:${port}/v2.0/lbaas/loadbalancers?limit=1`);
  expect(await answer.json()).toMatchObject({
    loadbalancers_links: [
      { href: expect.stringContaining(`http://127.0.0.1:${port}/v2.0/lbaas/loadbalancers?limit=1`) },
    ],
  });
});

test("a taken port is an error at once, closing does not wait for idle clients", async () => {
  const running = await served();
  await expect(serveApi({ fetch: () => new Response() }, { host: "127.0.0.1", port: running.port })).rejects.toThrow(
    "EADDRINUSE",
  );
  await (await fetch(`http://127.0.0.1:${running.port}/`)).text();
  const startedMs = performance.now();
  await running.close();
  expect(performance.now() - startedMs).toBeLessThan(1_500);
});
