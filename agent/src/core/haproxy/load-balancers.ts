import type { LoadBalancerStatus } from "../../contract/krater.ts";
import type { ListenerSummary } from "../../contract/rest.ts";

/**
 * The load balancers of this amphora, as routes see them. One object serves `/1.0` and `/krater/v1`. Changes of one load
 * balancer are made one after the other, its certificates' among them; reads wait for nobody.
 */
export interface LoadBalancers {
  /**
   * Stores a checked configuration; nothing is started or reloaded (`PUT /1.0/loadbalancer/{amp}/{lb}/haproxy`).
   * Throws `config-invalid` with haproxy's own words in `details`; then nothing has changed.
   */
  upload(request: UploadRequest, signal: AbortSignal): Promise<void>;

  /** The stored upload, or undefined when this load balancer does not exist. */
  read(loadBalancerId: string): Promise<Buffer | undefined>;

  /** Applies the newest upload. Throws `load-balancer-not-found`, `action-failed`. `effective` says what was done. */
  act(
    loadBalancerId: string,
    action: LoadBalancerAction,
    signal: AbortSignal,
  ): Promise<{ effective: LoadBalancerAction }>;

  /** Stops haproxy and removes everything of this load balancer; unknown ids are fine (idempotent). */
  delete(loadBalancerId: string, signal: AbortSignal): Promise<void>;

  /** `GET /1.0/listeners`: every frontend of every stored configuration, in file order. */
  listeners(): Promise<ListenerSummary[]>;

  /** What runs now, for `status`, heartbeats and `/details`. */
  observe(): Promise<LoadBalancerObservation[]>;
}

export interface UploadRequest {
  amphoraId: string;
  loadBalancerId: string;
  configuration: Buffer;
}

export type LoadBalancerAction = "start" | "stop" | "reload";

export interface LoadBalancerObservation extends Pick<LoadBalancerStatus, "haproxy" | "restarts" | "maxconn"> {
  loadBalancerId: string;
  /** Path of the haproxy statistics socket (`stats socket` of the configuration). */
  statisticsSocket: string;
}

/** Certificates and other PEM files of a load balancer, stored verbatim. */
export interface Certificates {
  write(loadBalancerId: string, name: string, content: Buffer, signal: AbortSignal): Promise<void>;
  /** md5 of the stored bytes in lower-case hex, or undefined. */
  md5(loadBalancerId: string, name: string): Promise<string | undefined>;
  delete(loadBalancerId: string, name: string, signal: AbortSignal): Promise<void>;
}
