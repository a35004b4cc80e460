import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBareHaproxy, untilNewWorker, workerOf } from "./bare-haproxy.ts";
import { benchAgent, configurationFor, loadBalancerId, pushConfiguration, statisticsSocket } from "./bench-agent.ts";
import { benchFolder } from "./cleanup.ts";
import { SIZES, type SizeName, sizeNames } from "./configuration.ts";
import { median, percentile, timed } from "./numbers.ts";
import type { BenchResult, Figure } from "./report.ts";

const RUNS = 21;
const FIRST_PORT = { agent: 22_000, bare: 22_100 };
const stock: Record<SizeName, string> = { small: "336 ms, 5.0 times", large: "1857 ms, 16.9 times" };

/**
 * Upload + reload through the agent, until a new worker answers, beside `haproxy -c` + SIGUSR2 by hand of the file the
 * agent derived, until a new worker answers. One after the other in each round, the order turned around every round.
 */
export async function benchApply(): Promise<BenchResult> {
  const figures: Figure[] = [];
  for (const size of sizeNames) figures.push(...(await applyOf(size)));
  return {
    name: "apply",
    figures,
    notes: [
      `${RUNS} rounds each; every upload differs from the one before; the agent's requests are fresh connections`,
    ],
  };
}

async function applyOf(size: SizeName): Promise<Figure[]> {
  const { agent, destroy } = await benchAgent();
  const socket = statisticsSocket(agent);
  let revision = 0;
  const upload = (): string => configurationFor(agent, size, FIRST_PORT.agent, ++revision);
  await pushConfiguration(agent, upload());

  // The same derived file, with folders and ports of its own, so that both can run at once.
  const folder = await benchFolder();
  await mkdir(join(folder, loadBalancerId), { recursive: true });
  const barePath = join(folder, "haproxy.cfg");
  const bareText = async (): Promise<string> =>
    (await readFile(join(agent.basePath, loadBalancerId, "haproxy.running.cfg"), "utf8"))
      .replaceAll(agent.basePath, folder)
      .replaceAll(agent.folder, folder)
      .replaceAll(/bind 127\.0\.0\.1:220(\d\d)/g, "bind 127.0.0.1:221$1");
  await writeFile(barePath, await bareText());
  const bare = await startBareHaproxy(barePath, join(folder, `${loadBalancerId}.sock`));

  const agentMs: number[] = [];
  const bareMs: number[] = [];
  const byAgent = async (): Promise<void> => {
    const text = upload();
    const before = await workerOf(socket);
    agentMs.push(
      await timed(async () => {
        await pushConfiguration(agent, text);
        await untilNewWorker(socket, before);
      }),
    );
  };
  const byHand = async (): Promise<void> => {
    const text = await bareText();
    bareMs.push(
      await timed(async () => {
        await writeFile(barePath, text);
        await bare.checkAndReload();
      }),
    );
  };
  for (let round = 0; round < RUNS; round++) {
    for (const step of round % 2 === 0 ? [byAgent, byHand] : [byHand, byAgent]) {
      await step();
      await sleep(150); // the worker before this one ends its connections and goes
    }
  }
  await bare.stop();
  await destroy();
  const name = `${SIZES[size].listeners} listeners, ${SIZES[size].members} members`;
  const beside = { what: "bare check + reload", value: median(bareMs) };
  return [
    { name: `${name}: p50`, value: median(agentMs), unit: "ms", beside, stock: stock[size] },
    {
      name: `${name}: p99`,
      value: percentile(agentMs, 0.99),
      unit: "ms",
      beside: { what: "bare check + reload", value: percentile(bareMs, 0.99) },
    },
    { name: `${name}: ratio of the p50s`, value: median(agentMs) / median(bareMs), unit: "times", atMost: 1.3 },
  ];
}
