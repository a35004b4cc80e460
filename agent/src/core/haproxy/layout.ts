import { createHash } from "node:crypto";
import type { AgentConfiguration } from "../configuration/agent-configuration.ts";

/** Where things are. Names a stock agent and a stock controller know are theirs; the others are ours. */
export interface Layout {
  base: string;
  certificates: string;
  run: string;
  groupFile: string;
}

export function layoutOf(configuration: AgentConfiguration): Layout {
  const { basePath, baseCertDir } = configuration.haproxyAmphora;
  return {
    base: basePath,
    certificates: baseCertDir,
    run: configuration.krater.runDirectory,
    groupFile: `${basePath}/haproxy-default-user-group.conf`,
  };
}

/** Every haproxy call gets this second file, since uploads lose their `group` line (Debian's group of `nobody`). */
export const GROUP_FILE_TEXT = "global\n    group nogroup\n";

export interface LoadBalancerPaths {
  folder: string;
  /** The stored upload; its presence means "this load balancer exists". */
  stored: string;
  candidate: string;
  rejected: string;
  /** What haproxy runs: derived from the stored upload when an action applies it. */
  running: string;
  peer: string;
  /** Present: stopped on purpose, a restart of the agent does not start it. */
  stoppedMark: string;
  serversState: string;
  pidFile: string;
  statisticsSocket: string;
  certificates: string;
  masterSocket: string;
}

export function pathsOf(layout: Layout, id: string): LoadBalancerPaths {
  const folder = `${layout.base}/${id}`;
  return {
    folder,
    stored: `${folder}/haproxy.cfg`,
    candidate: `${folder}/haproxy.cfg.new`,
    rejected: `${folder}/haproxy.cfg.new-failed`,
    running: `${folder}/haproxy.running.cfg`,
    peer: `${folder}/peer`,
    stoppedMark: `${folder}/stopped`,
    serversState: `${folder}/servers-state`,
    pidFile: `${folder}/${id}.pid`,
    statisticsSocket: `${layout.base}/${id}.sock`,
    certificates: `${layout.certificates}/${id}`,
    // Short: a unix socket path ends at 107 bytes, and haproxy binds under a longer temporary name first.
    masterSocket: `${layout.run}/${createHash("sha256").update(id).digest("hex").slice(0, 12)}.sock`,
  };
}
