/** What the machine says of itself: `GET /1.0/info` and the measured part of `GET /1.0/details`. */
export interface SystemFacts {
  info(): Promise<SystemInfo>;
  details(): Promise<SystemDetails>;
}

export interface SystemInfo {
  hostname: string;
  /** Begins with `<major>.<minor>`, without an epoch: the controller renders by it. */
  haproxy_version: string;
  keepalived_version: string;
  ipvsadm_version: string;
}

export interface SystemDetails extends SystemInfo {
  /** Interfaces `eth*` of the data namespace, absolute byte counters. */
  networks: Record<string, { network_tx: number; network_rx: number }>;
  cpu_count: number;
  /** The first line of /proc/stat: parts as text, their sum as a number. */
  cpu: { total: number; user: string; system: string; soft_irq: string };
  /** Kilobytes. */
  memory: {
    total: number;
    free: number;
    buffers: number;
    cached: number;
    swap_used: number;
    shared: number;
    slab: number;
  };
  /** Bytes of the root file system. */
  disk: { used: number; available: number };
  load: [string, string, string];
  active_tuned_profiles: string;
  lvs_listener_process_count: number;
}
