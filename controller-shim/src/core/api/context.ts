import type { Clock } from "../clock.ts";
import type { AmphoraDriver } from "../drivers/amphora-driver.ts";
import type { ComputeDriver } from "../drivers/compute-driver.ts";
import type { ShimEventLog } from "../events/shim-events.ts";
import type { ShimNetwork } from "../planning/networks.ts";
import type { Store } from "../store/store.ts";

/** What the use cases of the API work with. */
export interface ApiContext {
  store: Store;
  networks: readonly ShimNetwork[];
  computeDriver: Pick<ComputeDriver, "admit">;
  amphoraDriver: Pick<AmphoraDriver, "admit">;
  clock: Clock;
  events: ShimEventLog;
  /** Tells the reconciler, after the commit, that there is work; it would find out by itself a little later. */
  wake(loadBalancerId: string): void;
  /** What became of the datagrams on the heartbeat port, for `/krater/v1/status`. */
  heartbeats?: () => Record<string, number>;
}

/** Without an identity service everything belongs to one project. */
export const DEFAULT_PROJECT_ID = "6b726174657200000000000000000000";

/** Names a load balancer may ask for: ours, and the two of Octavia's own driver that scripts have written down. */
export const providers = [
  { name: "krater", description: "Krater's lean load balancer appliance" },
  { name: "amphora", description: "The same, under the name of Octavia's own driver" },
  { name: "octavia", description: "The same, under the older name of Octavia's own driver" },
] as const;
