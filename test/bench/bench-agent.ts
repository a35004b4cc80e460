import { readFile } from "node:fs/promises";
import { type RunningAgent, startAgent } from "../harness/agent.ts";
import { benchFolder, onEnd } from "./cleanup.ts";
import { benchConfiguration, SIZES, type SizeName } from "./configuration.ts";

export const loadBalancerId = "1b000001-0001-4000-8000-000000000001";

/** An agent of the benchmark's own, gone with its haproxy when the benchmark ends. */
export async function benchAgent(
  settings: Parameters<typeof startAgent>[1] = {},
): Promise<{ agent: RunningAgent; destroy: () => Promise<void> }> {
  const agent = await startAgent(await benchFolder(), settings);
  const destroy = onEnd(() => agent.destroy());
  return { agent, destroy };
}

/** What a stock controller does for a change: upload, then reload. */
export async function pushConfiguration(agent: RunningAgent, text: string): Promise<void> {
  await expectStatus(agent, "PUT", `/1.0/loadbalancer/${agent.amphoraId}/${loadBalancerId}/haproxy`, text);
  await expectStatus(agent, "PUT", `/1.0/loadbalancer/${loadBalancerId}/reload`);
}

export function configurationFor(agent: RunningAgent, size: SizeName, firstPort: number, revision = 0): string {
  return benchConfiguration({ loadBalancerId, basePath: agent.basePath, ...SIZES[size], firstPort, revision });
}

export const statisticsSocket = (agent: RunningAgent): string => `${agent.basePath}/${loadBalancerId}.sock`;

async function expectStatus(agent: RunningAgent, method: string, path: string, body?: string): Promise<void> {
  const answer = await agent.call(method, path, body === undefined ? {} : { body });
  if (answer.status < 200 || answer.status > 299) {
    const log = (await readFile(agent.logPath, "utf8")).slice(-2_000);
    throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}\n${log}`);
  }
}
