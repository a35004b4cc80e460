import { bundleAgent } from "../../scripts/bundle-agent.ts";

/** Real tests run the agent as it is deployed: bundled once per run. */
export default async function setup(): Promise<void> {
  await bundleAgent();
}
