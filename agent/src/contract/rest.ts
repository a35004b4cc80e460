import * as z from "zod/mini";

/** Bodies of `/1.0`, the API a stock Octavia controller speaks. Names and types are Octavia's, not ours. */

export const versionDiscovery = z.object({ api_version: z.literal("1.0") });
export type VersionDiscovery = z.infer<typeof versionDiscovery>;

export const amphoraInfo = z.object({
  hostname: z.string(),
  /** The package's version; begins with `<major>.<minor>`, by which the controller renders. */
  haproxy_version: z.string(),
  api_version: z.literal("1.0"),
  keepalived_version: z.string(),
  ipvsadm_version: z.string(),
});
export type AmphoraInfo = z.infer<typeof amphoraInfo>;

export const amphoraDetails = z.object({
  hostname: z.string(),
  haproxy_version: z.string(),
  api_version: z.literal("1.0"),
  /** Interfaces `eth*` of the data namespace, absolute byte counters. */
  networks: z.record(z.string(), z.object({ network_tx: z.int(), network_rx: z.int() })),
  active: z.literal(true),
  haproxy_count: z.int(),
  cpu_count: z.int(),
  /** The first line of /proc/stat: parts as text, their sum as a number. */
  cpu: z.object({ total: z.int(), user: z.string(), system: z.string(), soft_irq: z.string() }),
  /** Kilobytes. */
  memory: z.object({
    total: z.int(),
    free: z.int(),
    buffers: z.int(),
    cached: z.int(),
    swap_used: z.int(),
    shared: z.int(),
    slab: z.int(),
  }),
  /** Bytes of the root file system. */
  disk: z.object({ used: z.int(), available: z.int() }),
  load: z.tuple([z.string(), z.string(), z.string()]),
  active_tuned_profiles: z.string(),
  topology: z.literal("SINGLE"),
  topology_status: z.literal("OK"),
  listeners: z.array(z.string()),
  packages: z.strictObject({}),
  lvs_listener_process_count: z.int(),
  keepalived_version: z.string(),
  ipvsadm_version: z.string(),
});
export type AmphoraDetails = z.infer<typeof amphoraDetails>;

export const listenerSummary = z.object({
  status: z.enum(["ACTIVE", "OFFLINE", "ERROR"]),
  uuid: z.string(),
  type: z.enum(["HTTP", "TCP", "TERMINATED_HTTPS", "UDP"]),
});
export type ListenerSummary = z.infer<typeof listenerSummary>;
export const listenerSummaries = z.array(listenerSummary);

export const certificateDigest = z.object({ md5sum: z.string() });
export type CertificateDigest = z.infer<typeof certificateDigest>;

/** What most calls answer, good or bad. */
export const messageBody = z.object({ message: z.string(), details: z.optional(z.string()) });
export type MessageBody = z.infer<typeof messageBody>;

/** The other shape of errors: what the original's web framework says by itself. */
export const frameworkError = z.object({ error: z.string(), http_code: z.int() });
export type FrameworkError = z.infer<typeof frameworkError>;
