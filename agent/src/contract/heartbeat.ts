import * as z from "zod/mini";

/** Counters of one listener since the last beat (`conns` is the current number, not a difference). */
export const listenerStatistics = z.object({
  tx: z.int(),
  rx: z.int(),
  conns: z.int(),
  totconns: z.int(),
  ereq: z.int(),
});
export type ListenerStatistics = z.infer<typeof listenerStatistics>;

/** The message a stock health manager understands (version 3: counters are differences). */
export const heartbeatMessage = z.object({
  id: z.string(),
  seq: z.int(),
  listeners: z.record(z.string(), z.object({ status: z.string(), stats: listenerStatistics })),
  /** `<pool id>:<listener id>`, or the bare pool id for LVS. */
  pools: z.record(z.string(), z.object({ status: z.string(), members: z.record(z.string(), z.string()) })),
  ver: z.literal(3),
});
export type HeartbeatMessage = z.infer<typeof heartbeatMessage>;
