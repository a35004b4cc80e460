import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { fetchOnce, Traffic } from "./traffic.ts";

async function listen(answer: RequestListener): Promise<{ host: string; port: number }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

const never = new AbortController().signal;

test.for([
  {
    name: "a server that hangs up",
    answer: ((request) => request.socket.destroy()) satisfies RequestListener,
    words: /connection reset|hang up/,
  },
  {
    name: "half an answer",
    answer: ((_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("abc", () => response.destroy());
    }) satisfies RequestListener,
    words: /abort|reset/,
  },
])("$name is a failure with a reason", async ({ answer, words }) => {
  await expect(fetchOnce(await listen(answer), "/", never)).rejects.toThrow(words);
});

test("nobody there is a failure with a reason", async () => {
  await expect(fetchOnce({ host: "127.0.0.1", port: 1 }, "/", never)).rejects.toThrow("connection refused");
});

test("a status is an answer, and the member says its name", async () => {
  const target = await listen((_, response) => response.writeHead(403, { "x-served-by": "m7" }).end("no"));
  expect(await fetchOnce(target, "/", never)).toEqual({ status: 403, servedBy: "m7" });
});

test("traffic counts answers by member and failures by reason", async () => {
  let count = 0;
  const target = await listen((_, response) => {
    count += 1;
    const failing = count % 4 === 0;
    response.writeHead(failing ? 503 : 200, { "x-served-by": count % 2 === 0 ? "m2" : "m1" }).end();
  });
  const traffic = new Traffic(target, 500);
  onTestFinished(() => traffic.stop());
  await expect.poll(() => traffic.snapshot().answered).toBeGreaterThan(20);
  const seen = traffic.snapshot();
  expect([...seen.recentByMember.keys()].sort()).toEqual(["m1", "m2"]);
  expect(seen.failuresByReason.get("status 503")).toBe(seen.failed);
  expect(seen.failed).toBeGreaterThan(4);
  expect(seen.medianMs).toBeGreaterThan(0);
  const since = traffic.since(0);
  expect(since.failed + since.answered).toBe(seen.failed + seen.answered);
  expect(traffic.since(performance.now() + 1)).toEqual({ byMember: new Map(), failed: 0, answered: 0 });
});

test("a stalled load balancer counts as failures, and requests do not pile up", async () => {
  let open = 0;
  const target = await listen(() => {
    open += 1;
  });
  const traffic = new Traffic(target, 1_000);
  onTestFinished(() => traffic.stop());
  await expect.poll(() => traffic.snapshot().failed, { timeout: 5_000 }).toBeGreaterThan(5);
  expect(open).toBeLessThanOrEqual(100);
  expect([...traffic.snapshot().failuresByReason.keys()][0]).toContain("without an answer");
});
