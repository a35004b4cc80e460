import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agentBundle, agentNodeFlags } from "../../scripts/bundle-agent.ts";
import { benchAgent } from "./bench-agent.ts";
import { onEnd } from "./cleanup.ts";
import { median, percentile, timed } from "./numbers.ts";
import type { BenchResult } from "./report.ts";

const RUNS = 15;
const STOCK_MS = 2_051;

/** From exec of the bundle to the first 200 over mutual TLS, beside a bare node https server started the same way. */
export async function benchStart(): Promise<BenchResult> {
  const { agent, client } = await benchAgent();
  await agent.stop();
  const files = ["amphora-agent.conf", "krater.conf"].flatMap((name) => ["--config-file", join(agent.folder, name)]);
  const bare = join(import.meta.dirname, "bare-https-server.cjs");
  const agentMs: number[] = [];
  const bareMs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    agentMs.push(await startOnce([...agentNodeFlags, agentBundle, ...files], "/"));
    bareMs.push(
      await startOnce([...agentNodeFlags, bare, String(agent.port), agent.folder, agent.authority.caPath], "/"),
    );
  }
  return {
    name: "start",
    figures: [
      {
        name: "exec to first 200 over mTLS",
        value: median(agentMs),
        unit: "ms",
        atMost: 250,
        beside: { what: "bare node https server", value: median(bareMs) },
        stock: `${STOCK_MS} ms`,
      },
      { name: "the same, as a share of stock's", value: median(agentMs) / STOCK_MS, unit: "times", atMost: 1 / 8 },
    ],
    notes: [
      `median of ${RUNS} runs each, alternating; agent min ${Math.min(...agentMs).toFixed(0)} ms, ` +
        `p90 ${percentile(agentMs, 0.9).toFixed(0)} ms; the first answer is GET /, as for stock`,
    ],
  };

  async function startOnce(args: string[], path: string): Promise<number> {
    let child: ChildProcess | undefined;
    const stop = onEnd(() => child?.kill("SIGKILL"));
    const tookMs = await timed(async () => {
      child = spawn(process.execPath, args, { stdio: "ignore" });
      const deadline = performance.now() + 20_000;
      while (!(await client.canConnect())) {
        if (child.exitCode !== null) throw new Error(`${args.join(" ")} exited ${child.exitCode}`);
        if (performance.now() > deadline) throw new Error("nobody listens after 20 s");
        await sleep(1);
      }
      const status = await client.get(path);
      if (status !== 200) throw new Error(`${path}: ${status}`);
    });
    const exited = new Promise((resolve) => child?.once("exit", resolve));
    await stop();
    await exited;
    return tookMs;
  }
}
