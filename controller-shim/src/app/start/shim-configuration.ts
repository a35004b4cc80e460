import { stringify } from "smol-toml";
import type { DemoSettings } from "./settings.ts";

/** The shim's file for the main job: as `npm run shim`'s defaults, only with short intervals, so that one can watch. */
export function renderShimConfiguration(settings: DemoSettings): string {
  return stringify({
    instance: settings.instance,
    state_directory: settings.shimStateDirectory,
    api: { port: settings.apiPort },
    networks: settings.networks,
    health: {
      heartbeat_port: settings.heartbeatPort,
      heartbeat_interval_seconds: 1,
      heartbeat_timeout_seconds: 5,
      observe_interval_seconds: 0.5,
      statistics_interval_seconds: 1,
    },
    reconcile: { deadline_seconds: 60, boot_seconds: 30 },
  });
}
