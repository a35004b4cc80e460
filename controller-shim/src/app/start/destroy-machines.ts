import { computeDrivers } from "../../adapters/drivers/registry.ts";
import type { Log } from "../../core/log.ts";
import { defaultConfiguration } from "../config.ts";
import { networksOf } from "../networks.ts";

const ignore = () => {};
const silent: Log = { info: ignore, warn: ignore, error: ignore, debug: ignore };

/** Takes away every amphora, bridge and control group of an instance, whichever driver made them. */
export async function destroyMachines(instance: string, stateDirectory: string, signal: AbortSignal): Promise<void> {
  // Bridges are found by instance and role: which addresses they had does not matter.
  const networks = networksOf({ instance, networks: defaultConfiguration().networks });
  for (const create of Object.values(computeDrivers)) {
    const driver = create({
      instance,
      stateDirectory,
      networks,
      log: silent,
      // Nothing is made, so nothing of this is asked for.
      agentBundle: "",
      amphoraeMax: 0,
      memoryPerAmphoraBytes: 0,
    });
    await driver.destroyAll(signal);
  }
}
