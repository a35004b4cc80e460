import type { LoadBalancerTree } from "../store/load-balancer-tree.ts";

/** Turns a load balancer into what an amphora runs: renders and pushes over the REST API a stock controller uses. */
export interface AmphoraDriver {
  readonly name: string;
  /** Throws `DriverError("unsupported")` for what this driver cannot honour (refused, never silently dropped). */
  admit(tree: LoadBalancerTree): void;
  /** Makes the amphora run `tree`: certificates, configuration, reload; or removes the last listener. Repeatable. */
  apply(amphora: AmphoraEndpoint, tree: LoadBalancerTree, signal: AbortSignal): Promise<void>;
}

/** How to reach one agent: mutual TLS, its certificate must carry the amphora id. */
export interface AmphoraEndpoint {
  amphoraId: string;
  address: string;
  port: number;
}
