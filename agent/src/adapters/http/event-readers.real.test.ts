import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { expect, onTestFinished, test } from "vitest";
import { startTestServer, type TestServer } from "../../../../test/harness/http-server.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";

interface Reader {
  status: number;
  /** `id`, `event` and `data` of each event so far. */
  events(): { id: string | undefined; event: string | undefined; data: unknown }[];
  text(): string;
  ended(): boolean;
  incoming: IncomingMessage;
  leave(): void;
}

function read(
  server: TestServer,
  options: { path?: string; lastEventId?: string; pause?: boolean } = {},
): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: server.port,
        path: options.path ?? "/krater/v1/events",
        ca: readFileSync(server.authority.caPath),
        cert: server.reader.certificatePem,
        key: server.reader.keyPem,
        checkServerIdentity: () => undefined,
        agent: false,
        headers: options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId },
      },
      (incoming) => {
        let text = "";
        let ended = false;
        incoming.setEncoding("utf8");
        incoming.on("close", () => {
          ended = true;
        });
        incoming.on("error", () => {});
        if (options.pause) incoming.pause();
        else {
          incoming.on("data", (data: string) => {
            text += data;
          });
        }
        resolve({
          status: incoming.statusCode ?? 0,
          text: () => text,
          ended: () => ended,
          events: () => parse(text),
          incoming,
          leave: () => outgoing.destroy(),
        });
      },
    );
    onTestFinished(() => void outgoing.destroy());
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function parse(text: string): ReturnType<Reader["events"]> {
  return text
    .split("\n\n")
    .filter((block) => block.includes("data:"))
    .map((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      return { id: field("id"), event: field("event"), data: JSON.parse(field("data") ?? "null") as unknown };
    });
}

const say = (server: TestServer, reason: string) => server.events.publish("heartbeat.withheld", { reason });

test("a reader without a position hears what happens from now on", async () => {
  const server = await startTestServer();
  say(server, "before");
  const reader = await read(server);
  expect(reader.status).toBe(200);
  expect(reader.incoming.headers["content-type"]).toBe("text/event-stream");
  say(server, "after");
  await waitFor("the event", () => reader.events().length === 1);
  expect(reader.events()).toEqual([
    {
      id: `${server.events.runId}:2`,
      event: "heartbeat.withheld",
      data: { atMs: expect.any(Number), data: { reason: "after" } },
    },
  ]);
});

test("a reader that comes back goes on where it was, by header or by query", async () => {
  const server = await startTestServer();
  for (const reason of ["one", "two", "three"]) say(server, reason);
  const byHeader = await read(server, { lastEventId: `${server.events.runId}:1` });
  const byQuery = await read(server, { path: "/krater/v1/events?since=1" });
  for (const reader of [byHeader, byQuery]) {
    await waitFor("two events", () => reader.events().length === 2);
    expect(reader.events().map((event) => event.id)).toEqual([2, 3].map((n) => `${server.events.runId}:${n}`));
  }
});

test.for([
  { name: "no longer kept", since: (runId: string) => `${runId}:10`, missed: 3_000 - 1_024 - 10 },
  { name: "of another run", since: () => "zzzz:10", missed: null },
])("a position $name begins with event-gone", async ({ since, missed }) => {
  const server = await startTestServer();
  for (let index = 0; index < 3_000; index++) say(server, "");
  const reader = await read(server, { lastEventId: since(server.events.runId) });
  await waitFor("everything kept", () => reader.events().length === 1_025);
  expect(reader.events()[0]).toEqual({ id: undefined, event: "event-gone", data: { missed } });
  expect(reader.events()[1]?.id).toBe(`${server.events.runId}:1977`);
});

test("there is room for so many readers, and a place is free again when one goes", async () => {
  const server = await startTestServer({ readers: { readers: 2 } });
  const first = await read(server);
  await read(server);
  expect((await read(server)).status).toBe(503);
  first.leave();
  await waitFor("a free place", async () => (await read(server)).status === 200);
});

test("a comment now and then tells that the other end is there", async () => {
  const server = await startTestServer({ readers: { keepAliveMs: 20 } });
  const reader = await read(server);
  await waitFor("comments", () => (reader.text().match(/^:$/gm) ?? []).length >= 2);
});

test("a reader that takes nothing is cut off, the others go on", async () => {
  const server = await startTestServer({ readers: { drainMs: 200, readers: 2 } });
  const slow = await read(server, { pause: true });
  const quick = await read(server);
  // Until the sockets are full, and then until the deadline.
  const filler = "x".repeat(64 * 1024);
  await waitFor("the slow reader to be cut off", async () => {
    for (let index = 0; index < 20; index++) say(server, filler);
    const another = await read(server);
    another.leave();
    return another.status === 200;
  });
  say(server, "the end");
  await waitFor("the quick reader's last event", () => quick.text().includes("the end"));
  expect(quick.ended()).toBe(false);
  slow.leave();
});

test("a stopping agent ends its readers", async () => {
  const server = await startTestServer();
  const reader = await read(server);
  await server.stop();
  await waitFor("the end", () => reader.ended());
});
