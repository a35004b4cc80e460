import type { HeartbeatMessage } from "../../contract/heartbeat.ts";
import type { HaproxyStatistics } from "../haproxy/statistics.ts";
import type { DeltaCounters } from "./counters.ts";

/** The message of one beat; building it advances the counters. Load balancers that do not answer are not in `statistics`. */
export function buildMessage(input: {
  amphoraId: string;
  sequence: number;
  statistics: readonly HaproxyStatistics[];
  counters: DeltaCounters;
}): HeartbeatMessage {
  // Without prototype: ids are names haproxy accepted, `__proto__` among them.
  const listeners = Object.create(null) as HeartbeatMessage["listeners"];
  const pools = Object.create(null) as HeartbeatMessage["pools"];
  for (const { frontends, backends } of input.statistics) {
    for (const [id, frontend] of frontends) {
      listeners[id] = { status: frontend.status, stats: input.counters.advance(id, frontend) };
    }
    for (const [key, backend] of backends) pools[key] = backend;
  }
  return { id: input.amphoraId, seq: input.sequence, listeners, pools, ver: 3 };
}
