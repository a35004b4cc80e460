import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { HeldConnections } from "./held-connection.ts";
import { UnixHaproxySockets } from "./unix-sockets.ts";

const sockets = new UnixHaproxySockets();

async function serve(onConnection: (socket: Socket) => void, pauseOnConnect = false): Promise<string> {
  const path = join(await temporaryDirectory(), "s");
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect }, (socket) => {
    open.add(socket.on("error", () => undefined));
    onConnection(socket);
  });
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

test("no socket is an error at once", async () => {
  await expect(sockets.query("/nonexistent/s", "show info", { timeoutMs: 1_000 })).rejects.toThrow(/ENOENT/);
});

test("a socket that does not answer is an error at the deadline", async () => {
  const path = await serve(() => undefined);
  await expect(sockets.query(path, "show info", { timeoutMs: 50 })).rejects.toThrow(/no answer within 50 ms/);
});

test("a connection that breaks off is an error, not a short answer", async () => {
  // Closed with the command unread: the kernel tells the client ECONNRESET.
  const path = await serve((socket) => socket.write("half", () => socket.destroy()), true);
  await expect(sockets.query(path, "show info", { timeoutMs: 1_000 })).rejects.toThrow();
});

test("an answer without end is cut off", { timeout: 20_000 }, async () => {
  const chunk = Buffer.alloc(1 << 20);
  const path = await serve((socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", more);
    more();
  });
  await expect(sockets.query(path, "show stat", { timeoutMs: 15_000 })).rejects.toThrow(/larger than 64 MiB/);
});

test("a caller who gives up gets the reason", async () => {
  const path = await serve(() => undefined);
  const reason = new Error("enough");
  const query = sockets.query(path, "x", { timeoutMs: 1_000, signal: AbortSignal.abort(reason) });
  await expect(query).rejects.toBe(reason);
});

test("the write side is ended with the command, the whole answer comes back", async () => {
  const path = await serve((socket) => {
    let asked = "";
    socket.on("data", (data: Buffer) => {
      asked += data.toString();
    });
    socket.on("end", () => socket.end(`asked: ${asked}`));
  });
  expect(await sockets.query(path, "show info", { timeoutMs: 1_000 })).toBe("asked: show info\n");
});

test("a conversation asks one process several things, and knows when it is gone", async () => {
  let other: Socket | undefined;
  const path = await serve((socket) => {
    other = socket;
    socket.on("data", (data: Buffer) => {
      const command = data.toString().trim();
      if (command !== "hang") socket.write(`${command === "prompt" ? "" : `said ${command}\n`}\n> `);
    });
  });
  const conversation = await sockets.converse(path);
  expect(await conversation.ask("a", { timeoutMs: 1_000 })).toBe("said a\n");
  expect(await conversation.ask("b", { timeoutMs: 1_000 })).toBe("said b\n");
  await expect(conversation.ask("hang", { timeoutMs: 30 })).rejects.toThrow(/no answer within 30 ms/);
  expect(conversation.hasEnded()).toBe(false);
  const hanging = conversation.ask("hang", { timeoutMs: 1_000 });
  other?.destroy();
  await expect(hanging).rejects.toThrow(/closed|ECONNRESET/);
  await expect(conversation.ask("c", { timeoutMs: 1_000 })).rejects.toThrow();
  expect(conversation.hasEnded()).toBe(true);
  await expect(sockets.converse("/nonexistent/s")).rejects.toThrow(/ENOENT/);
});

test("a held connection tells its end once, and not after it was released", async () => {
  const open: Socket[] = [];
  const path = await serve((socket) => open.push(socket));
  const connections = new HeldConnections();
  let ended = 0;
  const first = Promise.withResolvers<void>();
  connections.hold(path, () => {
    ended++;
    first.resolve();
  });
  const released = connections.hold(path, () => ended++);
  released.release();
  connections.hold("/nonexistent/s", () => ended++);
  while (open.length < 1) await new Promise((resolve) => setImmediate(resolve));
  for (const socket of open) socket.destroy();
  await first.promise;
  expect(ended).toBe(2);
});
