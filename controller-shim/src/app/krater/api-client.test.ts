import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ApiClient, ApiRefused, ApiUnreachable } from "./api-client.ts";

async function client(answer: RequestListener, options: { timeoutMs?: number; token?: string } = {}) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new ApiClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ...options });
}

test.for([
  { name: "Octavia's error body", status: 409, body: '{"faultstring":"immutable"}', words: "immutable" },
  { name: "a problem document", status: 404, body: '{"title":"t","detail":"no such thing"}', words: "no such thing" },
  { name: "a problem document without detail", status: 404, body: '{"title":"not found"}', words: "not found" },
  { name: "an error page", status: 502, body: "<html>", words: "status 502" },
  { name: "an error without a body", status: 500, body: "", words: "status 500" },
  { name: "a page where JSON should be", status: 200, body: "<html>", words: "no JSON" },
])("$name is a refusal that says $words", async ({ status, body, words }) => {
  const api = await client((_, response) => response.writeHead(status).end(body));
  const error = await api.get("/").catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(ApiRefused);
  expect(error).toMatchObject({ status, message: expect.stringContaining(words) });
});

test("nobody there: the URL and the reason are told", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
  const api = new ApiClient({ url });
  const error = await api.get("/").catch((unreachable: unknown) => unreachable);
  expect(error).toBeInstanceOf(ApiUnreachable);
  expect(String(error)).toContain(`${url}: connection refused`);
});

test("an API that never answers is given up at the deadline", async () => {
  const api = await client(() => {}, { timeoutMs: 50 });
  await expect(api.get("/")).rejects.toThrow("no answer within 50 ms");
});

test("a caller that gives up gets its own reason", async () => {
  const api = await client(() => {});
  const stop = new AbortController();
  setImmediate(() => stop.abort(new Error("enough")));
  await expect(api.get("/", stop.signal)).rejects.toThrow("enough");
});

test("body, token and method reach the API, its JSON comes back; 204 is nothing", async () => {
  const seen: unknown[] = [];
  const api = await client(
    (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        seen.push([request.method, request.url, request.headers["x-auth-token"], body]);
        if (request.method === "DELETE") response.writeHead(204).end();
        else response.end('{"ok":true}');
      });
    },
    { token: "secret-token" },
  );
  expect(await api.post("/a", { b: 1 })).toEqual({ ok: true });
  expect(await api.put("/a", { b: 2 })).toEqual({ ok: true });
  expect(await api.delete("/a")).toBeUndefined();
  expect(seen).toEqual([
    ["POST", "/a", "secret-token", '{"b":1}'],
    ["PUT", "/a", "secret-token", '{"b":2}'],
    ["DELETE", "/a", "secret-token", ""],
  ]);
});
