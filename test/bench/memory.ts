import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningAgent } from "../harness/agent.ts";
import { benchAgent, configurationFor, pushConfiguration } from "./bench-agent.ts";
import { benchFolder } from "./cleanup.ts";
import { SIZES, type SizeName, sizeNames } from "./configuration.ts";
import { swallowDatagrams } from "./datagram-sink.ts";
import { agentProcesses, memoryOf, type ProcessMemory } from "./numbers.ts";
import type { BenchResult } from "./report.ts";
import { keptAlive } from "./tls-client.ts";

const REQUESTS = 100;
const BEATS_S = 60;
const INTERVAL_S = 1;

const limits: Record<
  SizeName,
  { privateMb: number; residentMb: number; stock: { private: string; resident: string } }
> = {
  small: { privateMb: 25, residentMb: 70, stock: { private: "36 MB", resident: "292 MB" } },
  large: { privateMb: 40, residentMb: 85, stock: { private: "165 MB", resident: "307 MB" } },
};

/**
 * Memory of an agent at rest after an upload, 100 requests and a minute of beats: Pss_Anon summed over every process
 * that is not haproxy, and RSS of the agent. Each agent runs from a copy of the node binary that nobody else maps.
 */
export async function benchMemory(): Promise<BenchResult> {
  const { port } = await swallowDatagrams();
  const measured = await Promise.all(sizeNames.map((size, n) => measure(size, port, 22_200 + n * 100)));
  return {
    name: "memory",
    figures: sizeNames.flatMap((size, n) => {
      const { after, before } = measured[n] as Measured;
      const name = `${SIZES[size].listeners} listeners, ${SIZES[size].members} members`;
      const limit = limits[size];
      return [
        {
          name: `${name}: private`,
          value: after.privateMb,
          unit: "MB" as const,
          atMost: limit.privateMb,
          beside: { what: "just started", value: before.privateMb },
          stock: limit.stock.private,
        },
        {
          name: `${name}: resident`,
          value: after.residentMb,
          unit: "MB" as const,
          atMost: limit.residentMb,
          beside: { what: "just started", value: before.residentMb },
          stock: limit.stock.resident,
        },
      ];
    }),
    notes: [
      `after an upload, a reload, ${REQUESTS} requests (every other on a fresh connection), ${BEATS_S} s of beats every ${INTERVAL_S} s`,
      `processes counted: ${measured.map((each) => each.processes).join(" and ")}`,
    ],
  };
}

interface Measured {
  before: ProcessMemory;
  after: ProcessMemory;
  processes: number;
}

async function measure(size: SizeName, controllerPort: number, firstPort: number): Promise<Measured> {
  const nodeBinary = join(await benchFolder(), "node");
  await copyFile(process.execPath, nodeBinary);
  const { agent, client, destroy } = await benchAgent({
    nodeBinary,
    heartbeats: { controllers: `127.0.0.1:${controllerPort}`, heartbeatIntervalS: INTERVAL_S },
  });
  const before = await memoryOfAgent(agent);
  await pushConfiguration({ agent, client }, configurationFor(agent, size, firstPort));
  const connection = keptAlive();
  for (let n = 0; n < REQUESTS; n++) await client.get("/1.0/info", n % 2 === 0 ? connection : undefined);
  connection.destroy();
  await sleep(BEATS_S * 1000);
  const after = await memoryOfAgent(agent);
  await destroy();
  return { before: before.memory, after: after.memory, processes: after.processes };
}

async function memoryOfAgent(agent: RunningAgent): Promise<{ memory: ProcessMemory; processes: number }> {
  const pids = await agentProcesses(agent.process.pid ?? 0);
  const all = await Promise.all(pids.map(memoryOf));
  const sum = (key: keyof ProcessMemory): number => all.reduce((total, each) => total + each[key], 0);
  const memory = { privateMb: sum("privateMb"), residentMb: sum("residentMb"), proportionalMb: sum("proportionalMb") };
  return { memory, processes: pids.length };
}
