import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBareHaproxy, untilNewWorker, workerOf } from "./bare-haproxy.ts";
import { benchAgent, configurationFor, loadBalancerId, pushConfiguration, statisticsSocket } from "./bench-agent.ts";
import { benchFolder } from "./cleanup.ts";
import { SIZES, type SizeName, sizeNames } from "./configuration.ts";
import { median, percentile, timed } from "./numbers.ts";
import type { BenchResult } from "./report.ts";
import { keptAlive } from "./tls-client.ts";

const RUNS = 21;
const FIRST_PORT = { agent: 22_000, bare: 22_100 };
const stock: Record<SizeName, string> = { small: "336 ms, 5.0 times", large: "1857 ms, 16.9 times" };

/**
 * Upload + reload through the agent, until a new worker answers, beside `haproxy -c` + SIGUSR2 by hand of the file the
 * agent derived, until a new worker answers. In turn in each round, the order turned around every round. The limit holds
 * for a controller that keeps its connection, as ours does; a stock one makes a TLS handshake for each of the two calls.
 */
export async function benchApply(): Promise<BenchResult> {
  const result: BenchResult = {
    name: "apply",
    figures: [],
    notes: [`${RUNS} rounds each; every upload differs from the one before`],
  };
  for (const size of sizeNames) await applyOf(size, result);
  return result;
}

async function applyOf(size: SizeName, result: BenchResult): Promise<void> {
  const bench = await benchAgent();
  const { agent } = bench;
  const socket = statisticsSocket(agent);
  let revision = 0;
  const upload = (): string => configurationFor(agent, size, FIRST_PORT.agent, ++revision);
  await pushConfiguration(bench, upload());

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

  const kept: number[] = [];
  const fresh: number[] = [];
  const bareMs: number[] = [];
  const connection = keptAlive();
  const byAgent = async (tookMs: number[], through?: typeof connection): Promise<void> => {
    const text = upload();
    const before = await workerOf(socket);
    tookMs.push(
      await timed(async () => {
        await pushConfiguration(bench, text, through);
        await untilNewWorker(socket, before);
      }),
    );
  };
  const byHand = async (): Promise<void> => {
    const text = await bareText();
    // The file names the state its servers begin with: both read the same one.
    await copyFile(
      join(agent.basePath, loadBalancerId, "servers-state"),
      join(folder, loadBalancerId, "servers-state"),
    );
    bareMs.push(
      await timed(async () => {
        await writeFile(barePath, text);
        await bare.checkAndReload();
      }),
    );
  };
  for (let round = 0; round < RUNS; round++) {
    const steps = [() => byAgent(kept, connection), byHand, () => byAgent(fresh)];
    for (const step of round % 2 === 0 ? steps : steps.reverse()) {
      await step();
      await sleep(150); // the worker before this one ends its connections and goes
    }
  }
  connection.destroy();
  await bare.stop();
  await bench.destroy();
  const name = `${SIZES[size].listeners} listeners, ${SIZES[size].members} members`;
  const what = "bare check + reload";
  const p50 = { what, value: median(bareMs) };
  const p99 = { what, value: percentile(bareMs, 0.99) };
  result.figures.push(
    { name: `${name}: p50`, value: median(kept), unit: "ms", beside: p50 },
    { name: `${name}: p99`, value: percentile(kept, 0.99), unit: "ms", beside: p99 },
    { name: `${name}: ratio of the p50s`, value: median(kept) / p50.value, unit: "times", atMost: 1.3 },
    { name: `${name}: p50, fresh connections`, value: median(fresh), unit: "ms", beside: p50, stock: stock[size] },
    { name: `${name}: ratio, fresh connections`, value: median(fresh) / p50.value, unit: "times" },
  );
  const fastest = [kept, fresh, bareMs].map((each) => Math.min(...each).toFixed(0));
  result.notes.push(`${name}: fastest ${fastest[0]} ms kept, ${fastest[1]} ms fresh, ${fastest[2]} ms bare`);
}
