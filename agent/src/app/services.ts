import { systemClock } from "../adapters/clock/system-clock.ts";
import { ProcProcesses } from "../adapters/exec/proc-processes.ts";
import { HeldConnections } from "../adapters/haproxy/held-connection.ts";
import { SpawnedOpenFiles } from "../adapters/spawn/open-files.ts";
import { SpawnServiceManager } from "../adapters/spawn/spawn-service-manager.ts";
import type { AgentConfiguration } from "../core/configuration/agent-configuration.ts";
import type { Log } from "../core/log.ts";
import type { OpenFilesLimit } from "../core/services/open-files.ts";
import type { ServiceManager } from "../core/services/service-manager.ts";
import type { NamespaceCommand } from "../core/system/namespace-command.ts";
import type { Programs } from "../core/system/programs.ts";

/** Who looks after haproxy: `[krater] supervisor`. */
export function createServices(given: {
  configuration: AgentConfiguration;
  programs: Programs;
  namespace: NamespaceCommand;
  log: Log;
}): { services: ServiceManager; openFiles: OpenFilesLimit } {
  const { configuration, programs, namespace, log } = given;
  const openFiles = new SpawnedOpenFiles(programs);
  const services = new SpawnServiceManager({
    programs,
    processes: new ProcProcesses(),
    connections: new HeldConnections(),
    namespace,
    openFiles,
    clock: systemClock,
    log,
    runDirectory: () => configuration.krater.runDirectory,
  });
  return { services, openFiles };
}
