import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { agentNodeFlags, agentV8Flags } from "../../scripts/bundle-agent.ts";
import { ask, startBareHaproxy } from "./bare-haproxy.ts";
import { benchFolder, onEnd } from "./cleanup.ts";
import { benchConfiguration, SIZES, type SizeName, sizeNames } from "./configuration.ts";
import { swallowDatagrams } from "./datagram-sink.ts";
import { median } from "./numbers.ts";
import type { BenchResult, Figure } from "./report.ts";

const run = promisify(execFile);
const loadBalancerId = "1b000001-0001-4000-8000-000000000001";

const LOOP_BEATS = 2_000;
const PACED_BEATS = 15;
/** Of so many loops the middle one counts; short loops feel the neighbours' load most. */
const LOOPS = { small: 3, large: 1 };

/** Limits in ms of thread CPU per beat, and what the stock sender needs. */
const limits: Record<SizeName, { loop: number; paced: number; stock: string }> = {
  small: { loop: 0.4, paced: 2, stock: "0.47 ms" },
  large: { loop: 5.5, paced: 8, stock: "25 ms" },
};

/** CPU of one beat: query of a real haproxy, parsing, counters on disk, compression, signature, datagram. */
export async function benchHeartbeat(): Promise<BenchResult> {
  const { port } = await swallowDatagrams();
  const figures: Figure[] = [];
  const notes = [
    `thread CPU per beat; a loop of ${LOOP_BEATS}, then ${PACED_BEATS} beats one a second in a new process`,
  ];
  for (const size of sizeNames) {
    const basePath = await benchFolder();
    await mkdir(join(basePath, loadBalancerId));
    const path = join(basePath, loadBalancerId, "haproxy.cfg");
    const { listeners, members } = SIZES[size];
    await writeFile(path, benchConfiguration({ loadBalancerId, basePath, listeners, members, firstPort: 23_000 }));
    const socket = join(basePath, `${loadBalancerId}.sock`);
    const haproxy = await startBareHaproxy(path, socket);
    const beat = (mode: string, traffic: string, beats: number): Promise<WorkerReport> =>
      runWorker([basePath, loadBalancerId, String(port), mode, traffic, String(beats)]);
    const loops: WorkerReport[] = [];
    for (let n = 0; n < LOOPS[size]; n++) loops.push(await beat("loop", "idle", LOOP_BEATS));
    const busyLoop = await beat("loop", "busy", LOOP_BEATS);
    const paced = await beat("paced", "busy", PACED_BEATS);
    const query = await bareQuery(socket);
    const name = `${listeners} listeners, ${members} members`;
    const { loop: loopLimit, paced: pacedLimit, stock } = limits[size];
    figures.push(
      {
        name: `${name}: loop`,
        value: median(loops.map((each) => each.cpuMs)),
        unit: "ms",
        atMost: loopLimit,
        beside: query,
        stock,
      },
      { name: `${name}: loop, counters moving`, value: busyLoop.cpuMs, unit: "ms", beside: query },
      { name: `${name}: one a second, moving`, value: paced.cpuMs, unit: "ms", atMost: pacedLimit, beside: query },
    );
    notes.push(`${name}: ${Math.round(paced.datagramBytes)} bytes a datagram`);
    await haproxy.stop();
  }
  return { name: "heartbeat", figures, notes };
}

interface WorkerReport {
  cpuMs: number;
  datagramBytes: number;
}

async function runWorker(args: string[]): Promise<WorkerReport> {
  const script = join(import.meta.dirname, "heartbeat-worker.ts");
  const working = run(process.execPath, [...agentNodeFlags, ...agentV8Flags, script, ...args], { timeout: 120_000 });
  const end = onEnd(() => working.child.kill("SIGKILL"));
  try {
    return JSON.parse((await working).stdout) as WorkerReport;
  } finally {
    await end();
  }
}

/** What reading the same answer costs when nothing is done with it. */
async function bareQuery(socket: string): Promise<NonNullable<Figure["beside"]>> {
  const times = 200;
  for (let n = 0; n < 50; n++) await ask(socket, "show stat -1 7 -1");
  const before = process.threadCpuUsage();
  for (let n = 0; n < times; n++) await ask(socket, "show stat -1 7 -1");
  const { user, system } = process.threadCpuUsage(before);
  return { what: "bare socket query", value: (user + system) / 1000 / times };
}
