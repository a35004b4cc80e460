import { systemClock } from "../adapters/clock/system-clock.ts";
import { ProcProcesses } from "../adapters/exec/proc-processes.ts";
import { HeldConnections } from "../adapters/haproxy/held-connection.ts";
import { SpawnedOpenFiles } from "../adapters/spawn/open-files.ts";
import { SpawnServiceManager } from "../adapters/spawn/spawn-service-manager.ts";
import { SystemdOpenFiles } from "../adapters/systemd/open-files.ts";
import { SystemdServiceManager } from "../adapters/systemd/systemd-service-manager.ts";
import type { KraterConfiguration } from "../core/configuration/agent-configuration.ts";
import type { Log } from "../core/log.ts";
import type { OpenFilesLimit } from "../core/services/open-files.ts";
import type { ServiceManager } from "../core/services/service-manager.ts";
import type { Files } from "../core/system/files.ts";
import type { NamespaceCommand } from "../core/system/namespace-command.ts";
import type { Programs } from "../core/system/programs.ts";

/** Where a stock agent writes its units, and a controller's documentation looks for them. */
const UNIT_DIRECTORY = "/usr/lib/systemd/system";

/** Who looks after haproxy: `[krater] supervisor`. */
export function createServices(given: {
  krater: KraterConfiguration;
  programs: Programs;
  namespace: NamespaceCommand;
  files: Files;
  log: Log;
}): { services: ServiceManager; openFiles: OpenFilesLimit } {
  const { krater, programs, namespace, files, log } = given;
  const shared = {
    programs,
    processes: new ProcProcesses(),
    connections: new HeldConnections(),
    namespace,
    clock: systemClock,
    log,
  };
  switch (krater.supervisor) {
    case "systemd":
      return {
        openFiles: new SystemdOpenFiles(),
        services: new SystemdServiceManager({ ...shared, files, unitDirectory: UNIT_DIRECTORY }),
      };
    case "spawn": {
      const openFiles = new SpawnedOpenFiles(programs);
      const { runDirectory } = krater;
      return { openFiles, services: new SpawnServiceManager({ ...shared, openFiles, runDirectory }) };
    }
    default:
      return krater.supervisor satisfies never;
  }
}
