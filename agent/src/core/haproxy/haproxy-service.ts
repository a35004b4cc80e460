import type { Service } from "../services/service-manager.ts";
import type { HaproxyProcess } from "./haproxy-process.ts";
import { summarize } from "./listeners.ts";
import type { LoadBalancerStore } from "./load-balancer-store.ts";

/** Stock's unit name, under every supervisor. */
export function serviceName(loadBalancerId: string): string {
  return `haproxy-${loadBalancerId}`;
}

export function loadBalancerOf(name: string): string {
  return name.slice("haproxy-".length);
}

/** haproxy in master-worker mode over the derived file; `-Ws` works with and without systemd. */
export function haproxyService(
  store: LoadBalancerStore,
  process: HaproxyProcess,
  input: { id: string; peer: string },
): Service {
  const { running, pidFile, masterSocket } = store.paths(input.id);
  const files = ["-f", running, "-f", store.layout.groupFile];
  return {
    name: serviceName(input.id),
    description: `HAProxy of load balancer ${input.id}`,
    program: store.configuration.haproxyAmphora.haproxyCmd,
    arguments: ["-Ws", ...files, "-p", pidFile, "-L", input.peer, "-S", `${masterSocket},mode,600`],
    // Without stock's -q, which keeps the reason of a failure from the journal.
    checkArguments: ["-c", ...files, "-L", input.peer],
    pidFile,
    controlSocket: masterSocket,
    ready: async (pid, signal) => {
      // Of the file as it is now: a reload may have moved the socket since the service was described.
      const { statisticsSocket } = summarize((await store.runningText(input.id)) ?? "");
      await process.ready(pid, { master: masterSocket, statistics: statisticsSocket }, signal);
    },
  };
}
