import type { AgentConfiguration, LiveConfiguration } from "./agent-configuration.ts";

/** What of a new configuration took effect, and what waits for a restart. Names only: values may be secret. */
export interface ConfigurationChange {
  changed: string[];
  needsRestart: string[];
}

/** Options the original re-reads while running; everything else needs a restart. */
const mutable: readonly { name: string; get(from: AgentConfiguration): unknown }[] = [
  { name: "debug", get: (from) => from.debug },
  { name: "controller_ip_port_list", get: (from) => from.healthManager.controllers },
  { name: "heartbeat_interval", get: (from) => from.healthManager.heartbeatIntervalMs },
  { name: "heartbeat_key", get: (from) => from.healthManager.heartbeatKey },
  { name: "loadbalancer_topology", get: (from) => from.controllerWorker.loadbalancerTopology },
];

/** Holds the configuration in force: one object, replaced whole, so that a reader never sees half of a change. */
export class CurrentConfiguration implements LiveConfiguration {
  #current: AgentConfiguration;

  constructor(initial: AgentConfiguration) {
    this.#current = initial;
  }

  current(): AgentConfiguration {
    return this.#current;
  }

  /** Takes over the mutable options of `next`. */
  replace(next: AgentConfiguration): ConfigurationChange {
    const before = this.#current;
    const after: AgentConfiguration = {
      ...before,
      debug: next.debug,
      healthManager: next.healthManager,
      controllerWorker: next.controllerWorker,
    };
    this.#current = after;
    return {
      changed: mutable.filter((option) => differs(option.get(before), option.get(after))).map((option) => option.name),
      needsRestart: differingOptions(after, next),
    };
  }
}

/** `amphoraAgent.agentServerCert` and the like: the names of settings in which two configurations differ. */
function differingOptions(one: AgentConfiguration, other: AgentConfiguration): string[] {
  return (["haproxyAmphora", "amphoraAgent", "krater"] as const).flatMap((section) => {
    const [left, right] = [one[section] as object, other[section] as object] as [
      Record<string, unknown>,
      Record<string, unknown>,
    ];
    return Object.keys(left)
      .filter((key) => differs(left[key], right[key]))
      .map((key) => `${section}.${key}`);
  });
}

function differs(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
