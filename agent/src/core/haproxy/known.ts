import type { ConfigurationSummary } from "./listeners.ts";
import type { LoadBalancerObservation } from "./load-balancers.ts";

/** What the agent remembers of a load balancer; everything in it can be read from its files again. */
export interface Known {
  /** Of the newest upload. */
  stored: ConfigurationSummary;
  /** Of what was applied last. */
  statisticsSocket: string | undefined;
  cap: LoadBalancerObservation["maxconn"];
  restarts: number;
}
