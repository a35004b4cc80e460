import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestServer, startTestServer, type TestServer } from "../../../../test/harness/http-server.ts";

let folder: string;
let shared: TestServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kt-"));
  shared = await createTestServer(folder);
});
afterAll(async () => {
  await shared?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface RawAnswer {
  status: number;
  headers: string;
  body: unknown;
  closed: boolean;
}

/** Sends bytes as they are and reads until the server closes, or until one answer is complete. */
function send(server: TestServer, chunks: (string | Buffer)[], options: { wait?: boolean } = {}): Promise<RawAnswer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: readFileSync(server.authority.caPath),
      cert: server.stock.certificatePem,
      key: server.stock.keyPem,
      checkServerIdentity: () => undefined,
    });
    let text = "";
    const timer = setTimeout(() => socket.end(), 5_000);
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => {
      text += data;
      if (!options.wait && complete(text)) socket.end();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "ECONNRESET") reject(error);
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answersIn(text));
    });
    socket.on("secureConnect", () => {
      for (const chunk of chunks) socket.write(chunk);
    });
  });
}

function complete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return end !== -1 && length !== undefined && text.length >= end + 4 + Number(length);
}

function answersIn(text: string): RawAnswer[] {
  return text.split(/(?=HTTP\/1\.1 \d{3} )/).map((part) => {
    const [headers = "", body = ""] = part.split("\r\n\r\n");
    return {
      status: Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1]),
      headers,
      body: body.startsWith("{") ? (JSON.parse(body) as unknown) : body,
      closed: /connection: close/i.test(headers),
    };
  });
}

const host = "Host: amphora\r\n";
const get = (target: string, headers = "") => `GET ${target} HTTP/1.1\r\n${host}${headers}\r\n`;
const put = (target: string, headers: string, body = "") => `PUT ${target} HTTP/1.1\r\n${host}${headers}\r\n${body}`;
const upload = "/1.0/loadbalancer/amp/lb/haproxy";

test.for<{ name: string; bytes: string | Buffer; status: number; closes?: boolean; says?: RegExp }>([
  { name: "noise", bytes: Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]), status: 400, closes: true },
  { name: "an HTTP/2 preface", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 400, closes: true },
  { name: "an HTTP/0.9 request", bytes: "GET /\r\n\r\n", status: 200, closes: true },
  { name: "a version of the future", bytes: `GET / HTTP/9.9\r\n${host}\r\n`, status: 400, closes: true },
  { name: "a method nobody knows", bytes: `FETCH / HTTP/1.1\r\n${host}\r\n`, status: 400, closes: true },
  { name: "a method of WebDAV", bytes: `PROPFIND /1.0/info HTTP/1.1\r\n${host}\r\n`, status: 405 },
  { name: "TRACE", bytes: `TRACE /1.0/info HTTP/1.1\r\n${host}\r\n`, status: 405 },
  { name: "CONNECT", bytes: `CONNECT example:443 HTTP/1.1\r\n${host}\r\n`, status: 405, closes: true },
  { name: "an upgrade is ignored", bytes: get("/", "Connection: upgrade\r\nUpgrade: websocket\r\n"), status: 200 },
  { name: "headers without end", bytes: get("/", `X-Long: ${"a".repeat(20_000)}\r\n`), status: 400, closes: true },
  { name: "a header without a colon", bytes: get("/", "nonsense\r\n"), status: 400, closes: true },
  { name: "a header with a NUL", bytes: get("/", "X-A: a\0b\r\n"), status: 400, closes: true },
  {
    name: "two lengths",
    bytes: put(upload, "Content-Length: 1\r\nContent-Length: 2\r\n", "a"),
    status: 400,
    closes: true,
  },
  {
    name: "a length and chunks (smuggling)",
    bytes: put(upload, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    status: 400,
    closes: true,
  },
  { name: "a length that is no number", bytes: put(upload, "Content-Length: ten\r\n"), status: 400, closes: true },
  { name: "a negative length", bytes: put(upload, "Content-Length: -1\r\n"), status: 400, closes: true },
  {
    name: "broken chunks",
    bytes: put(upload, "Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n"),
    status: 400,
    closes: true,
  },
  {
    name: "an unknown transfer coding",
    bytes: put(upload, "Transfer-Encoding: gzip\r\n", "x"),
    status: 400,
    closes: true,
  },
  { name: "an expectation nobody meets", bytes: get("/", "Expect: 200-maybe\r\n"), status: 400, closes: true },
  { name: "no Host header", bytes: "GET / HTTP/1.1\r\n\r\n", status: 200 },
  { name: "an empty Host header", bytes: "GET / HTTP/1.1\r\nHost:\r\n\r\n", status: 200 },
  {
    name: "a Host header that is no host",
    bytes: "GET / HTTP/1.1\r\nHost: a b/c?d#e\r\n\r\n",
    status: 400,
    closes: true,
  },
  { name: "HTTP/1.0", bytes: "GET / HTTP/1.0\r\n\r\n", status: 200, closes: true },
  { name: "a body on GET", bytes: get("/", "Content-Length: 5\r\n").concat("hello"), status: 200 },
  { name: "the original's double slash", bytes: get("//"), status: 200 },
  { name: "many slashes", bytes: get("////1.0/info"), status: 200 },
  { name: "an absolute URL", bytes: get("https://192.0.2.1:9443/1.0/info"), status: 200 },
  { name: "an absolute URL with user and no path", bytes: get("https://user@192.0.2.1"), status: 200 },
  { name: "an absolute URL of another scheme", bytes: get("ftp://192.0.2.1/"), status: 400, closes: true },
  { name: "a target that is no path", bytes: get("1.0/info"), status: 400, closes: true },
  { name: "OPTIONS for the server", bytes: `OPTIONS * HTTP/1.1\r\n${host}\r\n`, status: 200 },
  { name: "a percent sign alone", bytes: get("/1.0/%"), status: 400, closes: true, says: /percent-encoded/ },
  { name: "percent-encoding that is not hex", bytes: get("/1.0/%zz"), status: 400, closes: true },
  { name: "percent-encoding that is not UTF-8", bytes: get("/1.0/%ff%fe"), status: 400, closes: true },
  { name: "an encoded NUL", bytes: get("/1.0/info%00"), status: 400, closes: true },
  { name: "an encoded line end", bytes: get("/1.0/info%0d%0aX"), status: 400, closes: true },
  { name: "a backslash", bytes: get("/1.0\\info"), status: 400, closes: true },
  { name: "a fragment", bytes: get("/1.0/info#x"), status: 400, closes: true },
  { name: "a target without end", bytes: get(`/1.0/${"a".repeat(6_000)}`), status: 400, closes: true },
  { name: "dots that climb", bytes: get("/1.0/../../etc/passwd"), status: 404 },
  { name: "encoded dots that climb", bytes: get("/1.0/loadbalancer/%2e%2e%2f%2e%2e%2fetc/haproxy"), status: 400 },
  { name: "a dot segment instead of an id", bytes: get("/1.0/loadbalancer/../haproxy"), status: 400 },
  { name: "a trailing slash", bytes: get("/1.0/info/"), status: 404 },
  { name: "Latin-1 in the path", bytes: Buffer.from(get("/1.0/\xe4"), "latin1"), status: 400, closes: true },
])("$name: $status, and JSON unless all is well", async ({ bytes, status, closes = false, says = /./ }) => {
  const [answer] = await send(shared, [bytes]);
  expect(answer).toMatchObject({ status, closed: closes });
  if (status < 400) return;
  expect(answer?.headers.toLowerCase()).toContain("content-type: application/json");
  expect(answer?.body).toMatchObject({ http_code: status, error: expect.stringMatching(says) });
  expect(shared.stored.size).toBe(0);
});

test("a request whose headers never end is told so and put out", async () => {
  const server = await startTestServer({ server: { headersTimeoutMs: 200, checkTimeoutsEveryMs: 50 } });
  const [answer] = await send(server, ["GET / HTTP/1.1\r\nX-Slow: "], { wait: true });
  expect(answer).toMatchObject({ status: 400, closed: true, body: { http_code: 400 } });
});

test("a body that never ends is told so, put out, and not stored", async () => {
  const server = await startTestServer({ server: { requestTimeoutMs: 300, checkTimeoutsEveryMs: 50 } });
  const [answer] = await send(server, [put(upload, "Content-Length: 10\r\n", "half")], { wait: true });
  expect(answer).toMatchObject({ status: 400, closed: true, body: { http_code: 400 } });
  expect(server.stored.size).toBe(0);
});

test("a client that goes in the middle of a body leaves nothing", async () => {
  const server = await startTestServer();
  await new Promise<void>((resolve) => {
    const socket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: readFileSync(server.authority.caPath),
      cert: server.stock.certificatePem,
      key: server.stock.keyPem,
      checkServerIdentity: () => undefined,
    });
    socket.on("close", () => resolve());
    socket.on("secureConnect", () => {
      socket.write(put(upload, "Content-Length: 10\r\n", "half"), () => socket.destroy());
    });
  });
  expect((await server.call("GET", "/")).status).toBe(200);
  expect(server.stored.size).toBe(0);
  expect(server.log.lines.filter((line) => line.level === "error")).toEqual([]);
});

test("100-continue is given when the body is wanted", async () => {
  const server = await startTestServer();
  const headers = "Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n";
  const answers = await send(server, [put(upload, headers), "hello"], { wait: true });
  expect(answers.map((answer) => answer.status)).toEqual([100, 202]);
  expect(server.stored.get("lb")?.toString()).toBe("hello");
});

test("100-continue is refused before the body when the body is too large or nobody wants it", async () => {
  const server = await startTestServer();
  const headers = `Expect: 100-continue\r\nContent-Length: ${9 * 1024 * 1024}\r\n`;
  const [tooLarge] = await send(server, [put(upload, headers)], { wait: true });
  expect(tooLarge).toMatchObject({ status: 400, closed: true, body: { http_code: 400 } });
  const [nobody] = await send(server, [put("/1.0/nothing", "Expect: 100-continue\r\nContent-Length: 5\r\n")], {
    wait: true,
  });
  expect(nobody).toMatchObject({ status: 404, closed: true });
});

test("two requests in one packet get two answers, in order", async () => {
  const server = await startTestServer();
  const answers = await send(server, [get("/1.0/info") + get("/1.0/nothing", "Connection: close\r\n")], { wait: true });
  expect(answers.map((answer) => answer.status)).toEqual([200, 404]);
});
