import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../harness/wait-for.ts";
import { onEnd } from "./cleanup.ts";

/** haproxy without anything around it: master-worker, checked and reloaded by hand. */
export interface BareHaproxy {
  pid: number;
  /** Process id of the worker that answers the statistics socket now. */
  worker(): Promise<number>;
  /** `haproxy -c`, SIGUSR2, then until a new worker answers. */
  checkAndReload(): Promise<void>;
  stop(): Promise<void>;
}

export async function startBareHaproxy(configurationPath: string, statisticsSocket: string): Promise<BareHaproxy> {
  const files = ["-f", configurationPath];
  // -W with `daemon` in the file would leave the foreground; -db forbids only that.
  const child = spawn("haproxy", ["-W", "-db", ...files], { stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4_000);
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = onEnd(async () => {
    child.kill("SIGTERM");
    await Promise.race([exited, sleep(5_000)]);
    child.kill("SIGKILL");
  });
  const worker = (): Promise<number> => workerOf(statisticsSocket);
  await waitFor("bare haproxy to answer", async () => {
    if (child.exitCode !== null) throw new Error(`haproxy exited ${child.exitCode}: ${words}`);
    return worker();
  });
  return {
    pid: child.pid ?? 0,
    worker,
    checkAndReload: async () => {
      const before = await worker();
      await check(files);
      child.kill("SIGUSR2");
      await untilNewWorker(statisticsSocket, before);
    },
    stop,
  };
}

/** Asks every other millisecond: often enough to time a reload, too seldom to slow it down. */
export async function untilNewWorker(statisticsSocket: string, before: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const now = await workerOf(statisticsSocket).catch(() => before);
    if (now !== before) return;
    await sleep(2);
  }
  throw new Error("no new worker within 20 s");
}

export async function workerOf(statisticsSocket: string): Promise<number> {
  const pid = Number(/^Pid: (\d+)$/m.exec(await ask(statisticsSocket, "show info"))?.[1]);
  if (!Number.isInteger(pid)) throw new Error("show info without a Pid");
  return pid;
}

export function ask(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer within 5 s")));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("end", () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString("latin1"));
    });
    socket.end(`${command}\n`);
  });
}

async function check(files: string[]): Promise<void> {
  const child = spawn("haproxy", ["-c", ...files], { stdio: ["ignore", "ignore", "pipe"], timeout: 20_000 });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0)
    throw new Error(`haproxy -c said ${code}: ${words} (${(await readFile(files[1] ?? "", "utf8")).length} bytes)`);
}
