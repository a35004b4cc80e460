import type { Agent } from "node:https";
import { type RunningAgent, startAgent } from "../harness/agent.ts";
import { benchFolder, onEnd } from "./cleanup.ts";
import { benchConfiguration, SIZES, type SizeName } from "./configuration.ts";
import { prepareClient, type TlsClient } from "./tls-client.ts";

export const loadBalancerId = "1b000001-0001-4000-8000-000000000001";

export interface BenchAgent {
  agent: RunningAgent;
  client: TlsClient;
  destroy: () => Promise<void>;
}

/** An agent of the benchmark's own, gone with its haproxy when the benchmark ends. */
export async function benchAgent(settings: Parameters<typeof startAgent>[1] = {}): Promise<BenchAgent> {
  const agent = await startAgent(await benchFolder(), settings);
  const destroy = onEnd(() => agent.destroy());
  return { agent, client: await prepareClient(agent), destroy };
}

/** What a controller does for a change: upload, then reload; each on a connection of its own unless given one. */
export async function pushConfiguration(
  { agent, client }: { agent: RunningAgent; client: TlsClient },
  text: string,
  connection?: Agent,
): Promise<void> {
  await client.put(`/1.0/loadbalancer/${agent.amphoraId}/${loadBalancerId}/haproxy`, text, connection);
  await client.put(`/1.0/loadbalancer/${loadBalancerId}/reload`, "", connection);
}

export function configurationFor(agent: RunningAgent, size: SizeName, firstPort: number, revision = 0): string {
  return benchConfiguration({ loadBalancerId, basePath: agent.basePath, ...SIZES[size], firstPort, revision });
}

export const statisticsSocket = (agent: RunningAgent): string => `${agent.basePath}/${loadBalancerId}.sock`;
