import { computeDrivers } from "../../adapters/drivers/registry.ts";
import type { Log } from "../../core/log.ts";

const ignore = () => {};
const silent: Log = { info: ignore, warn: ignore, error: ignore, debug: ignore };

/** Takes away every amphora, bridge and control group of an instance, whichever driver made them. */
export async function destroyMachines(instance: string, stateDirectory: string, signal: AbortSignal): Promise<void> {
  for (const create of Object.values(computeDrivers)) {
    const driver = create({
      ...{ instance, stateDirectory, log: silent },
      // Nothing is made, so nothing of this is asked for.
      ...{ networks: [], agentBundle: "", amphoraeMax: 0, memoryPerAmphoraBytes: 0 },
    });
    await driver.destroyAll(signal);
  }
}
