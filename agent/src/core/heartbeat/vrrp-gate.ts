/** What is known about keepalived, read anew for each beat. */
export interface VrrpProcess {
  observe(): Promise<VrrpObservation>;
}

export type VrrpObservation =
  | { configured: false }
  | { configured: true; pidFile: "missing" | "unreadable" }
  | { configured: true; pidFile: "present"; pid: number; alive: boolean };

/**
 * The reason to stay silent, if any: a configured keepalived that does not run must lead to a failover. Whether the
 * node is master or backup does not matter, both beat.
 */
export function reasonToWithhold(vrrp: VrrpObservation): string | undefined {
  if (!vrrp.configured) return undefined;
  if (vrrp.pidFile !== "present") return `keepalived is configured but its pid file is ${vrrp.pidFile}`;
  return vrrp.alive ? undefined : `keepalived is configured but its process ${vrrp.pid} is dead`;
}
