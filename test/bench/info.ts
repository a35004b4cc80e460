import { spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "../harness/free-port.ts";
import { waitFor } from "../harness/wait-for.ts";
import { benchAgent } from "./bench-agent.ts";
import { onEnd } from "./cleanup.ts";
import { median, percentile, timed } from "./numbers.ts";
import type { BenchResult } from "./report.ts";
import { keptAlive, prepareClient } from "./tls-client.ts";

const KEPT_ALIVE = 2_000;
const FRESH = 300;
const PATH = "/1.0/info";

/** Latency of `GET /1.0/info`, beside a bare node https server in a process of its own with the same RSA-2048 key. */
export async function benchInfo(): Promise<BenchResult> {
  const { agent, client, destroy } = await benchAgent();
  const barePort = await freePort();
  const bareServer = spawn(
    process.execPath,
    [join(import.meta.dirname, "bare-https-server.cjs"), String(barePort), agent.folder, agent.authority.caPath],
    { stdio: "ignore" },
  );
  onEnd(() => bareServer.kill("SIGKILL"));
  const bare = await prepareClient(agent, barePort);
  await waitFor("the bare server to listen", () => bare.canConnect());

  const ask = async (whom: typeof client, path: string, connection?: ReturnType<typeof keptAlive>): Promise<void> => {
    const status = await whom.get(path, connection);
    if (status !== 200) throw new Error(`${path}: ${status}`);
  };
  const ours = keptAlive();
  const theirs = keptAlive();
  const kept = { agent: [] as number[], bare: [] as number[] };
  for (let n = 0; n < KEPT_ALIVE; n++) {
    kept.agent.push(await timed(() => ask(client, PATH, ours)));
    kept.bare.push(await timed(() => ask(bare, "/", theirs)));
  }
  ours.destroy();
  theirs.destroy();

  const fresh = { agent: [] as number[], handshake: [] as number[], bare: [] as number[] };
  for (let n = 0; n < FRESH; n++) {
    fresh.agent.push(await timed(() => ask(client, PATH)));
    fresh.handshake.push(await timed(() => bare.handshake()));
    fresh.bare.push(await timed(() => ask(bare, "/")));
  }
  await destroy();
  const handshake = median(fresh.handshake);
  return {
    name: "info",
    figures: [
      {
        name: "kept alive, p50",
        value: median(kept.agent),
        unit: "ms",
        atMost: 1,
        beside: { what: "bare server", value: median(kept.bare) },
      },
      {
        name: "kept alive, p99",
        value: percentile(kept.agent, 0.99),
        unit: "ms",
        beside: { what: "bare server", value: percentile(kept.bare, 0.99) },
      },
      {
        name: "fresh connection, p50 (<= 3 handshakes + 1 ms)",
        value: median(fresh.agent),
        unit: "ms",
        atMost: 3 * handshake + 1,
        beside: { what: "bare handshake", value: handshake },
        stock: "43.7 ms",
      },
      {
        name: "fresh connection, p99",
        value: percentile(fresh.agent, 0.99),
        unit: "ms",
        beside: { what: "bare server", value: percentile(fresh.bare, 0.99) },
        stock: "80 ms",
      },
    ],
    notes: [
      `${KEPT_ALIVE} kept alive, ${FRESH} fresh, alternating; TLS 1.2, RSA-2048, client certificate, no resumption`,
    ],
  };
}
