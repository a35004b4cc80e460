/** What happened, for people and the live view: a bounded ring, newest last, readable by `GET /krater/v1/events`. */
export interface ShimEvent {
  sequence: number;
  atMs: number;
  /** `member.status-changed`, `amphora.booted`, `load-balancer.applied`, `amphora.lost`... */
  name: string;
  loadBalancerId?: string;
  /** One sentence. */
  text: string;
}

export interface ShimEventLog {
  publish(event: Omit<ShimEvent, "sequence" | "atMs">): void;
  since(sequence: number): ShimEvent[];
}
