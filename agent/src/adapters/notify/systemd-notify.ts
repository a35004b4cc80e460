import { execFile } from "node:child_process";
import type { Log } from "../../core/log.ts";

type ServiceState = "ready" | "reloading" | "stopping";

/** Tells the service manager where we are; without one it does nothing. */
export interface Notifier {
  notify(state: ServiceState): void;
}

/**
 * sd_notify(3) through `systemd-notify`, because Node has no unix datagram sockets. `--no-block`: without it the
 * program waits up to 5 s for a barrier. The unit needs `NotifyAccess=all`.
 */
export function createNotifier(environment: NodeJS.ProcessEnv, log: Log): Notifier {
  if (!environment["NOTIFY_SOCKET"]) return { notify: () => {} };
  return {
    notify: (state) => {
      execFile("systemd-notify", ["--no-block", ...assignments(state)], { timeout: 5_000 }, (error) => {
        if (error) log.warn({ event: "notify.failed", state, reason: error.message }, "systemd-notify failed");
      });
    },
  };
}

/** `RELOADING=1` needs the time it was sent (systemd.service(5), Type=notify-reload): CLOCK_MONOTONIC, as hrtime is. */
function assignments(state: ServiceState): string[] {
  switch (state) {
    case "ready":
      return ["READY=1", `MAINPID=${process.pid}`];
    case "reloading":
      return ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`];
    case "stopping":
      return ["STOPPING=1"];
    default:
      return state satisfies never;
  }
}
