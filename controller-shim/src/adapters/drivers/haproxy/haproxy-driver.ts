import { createHash } from "node:crypto";
import type { AgentClient } from "../../../core/drivers/agent-client.ts";
import type { AmphoraDriver, AmphoraEndpoint } from "../../../core/drivers/amphora-driver.ts";
import { isLive } from "../../../core/store/live.ts";
import type { LoadBalancerTree } from "../../../core/store/load-balancer-tree.ts";
import { refuseUnsupported } from "./admit.ts";
import { HaproxyRenderer } from "./render.ts";
import { viewOf } from "./view.ts";

export interface HaproxyDriverOptions {
  /** Base path of the agent inside the amphora: named in the configuration. */
  basePath: string;
  connectionLogging: boolean;
  /** Folder of the operator's own templates. */
  templateFolder: string | undefined;
}

/** Remembered digests; an amphora beyond this is reloaded once for nothing, no more. */
const REMEMBERED_AMPHORAE_MAX = 10_000;

export class HaproxyDriver implements AmphoraDriver {
  readonly name = "haproxy";
  readonly #agent: AgentClient;
  readonly #options: HaproxyDriverOptions;
  readonly #renderer: HaproxyRenderer;
  /** Digest of what each amphora was last told to run, by this process: a crash between upload and reload forgets. */
  readonly #applied = new Map<string, string>();

  constructor(agent: AgentClient, options: HaproxyDriverOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#renderer = new HaproxyRenderer(options.templateFolder);
  }

  admit(tree: LoadBalancerTree): void {
    refuseUnsupported(tree);
    viewOf(tree, { ...this.#options, haproxyVersion: "2.6" }); // throws for a value that cannot be written safely
  }

  async apply(amphora: AmphoraEndpoint, tree: LoadBalancerTree, signal: AbortSignal): Promise<void> {
    const id = tree.loadBalancer.id;
    if (!tree.listeners.some(({ listener }) => isLive(listener))) {
      this.#applied.delete(amphora.amphoraId);
      await this.#agent.deleteLoadBalancer(amphora, id, signal);
      return;
    }
    refuseUnsupported(tree);
    const { haproxyVersion } = await this.#agent.info(amphora, signal);
    const text = this.#renderer.render(tree, { ...this.#options, haproxyVersion });
    const digest = createHash("sha256").update(text).digest("hex");
    if (this.#applied.get(amphora.amphoraId) === digest) {
      if ((await this.#agent.readConfiguration(amphora, id, signal)) === text) return;
    }
    this.#applied.delete(amphora.amphoraId);
    await this.#agent.uploadConfiguration(amphora, id, text, signal);
    await this.#agent.act(amphora, id, "reload", signal);
    this.#remember(amphora.amphoraId, digest);
  }

  #remember(amphoraId: string, digest: string): void {
    this.#applied.set(amphoraId, digest);
    const oldest = this.#applied.keys().next().value;
    if (this.#applied.size > REMEMBERED_AMPHORAE_MAX && oldest !== undefined) this.#applied.delete(oldest);
  }
}
