import type { AmphoraEndpoint } from "./amphora-driver.ts";

/** The stock REST API of an amphora, as far as the shim drives it. Every call has a deadline of its own. */
export interface AgentClient {
  /** `GET /1.0/info`; the haproxy version decides what is rendered. */
  info(amphora: AmphoraEndpoint, signal: AbortSignal): Promise<{ haproxyVersion: string }>;
  /** The stored configuration, or undefined when the amphora has none of this load balancer. */
  readConfiguration(amphora: AmphoraEndpoint, loadBalancerId: string, signal: AbortSignal): Promise<string | undefined>;
  uploadConfiguration(
    amphora: AmphoraEndpoint,
    loadBalancerId: string,
    text: string,
    signal: AbortSignal,
  ): Promise<void>;
  act(
    amphora: AmphoraEndpoint,
    loadBalancerId: string,
    action: "start" | "stop" | "reload",
    signal: AbortSignal,
  ): Promise<void>;
  /** A new server certificate and key, in force from the next connection on. */
  replaceCertificate(amphora: AmphoraEndpoint, pem: string, signal: AbortSignal): Promise<void>;
  deleteLoadBalancer(amphora: AmphoraEndpoint, loadBalancerId: string, signal: AbortSignal): Promise<void>;
}

/** The agent refused (`status` 4xx/5xx with its own words) or could not be reached (`status` undefined). */
export class AgentCallFailed extends Error {
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.name = "AgentCallFailed";
    this.status = status;
  }
}
