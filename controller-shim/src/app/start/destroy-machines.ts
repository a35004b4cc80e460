import { computeDrivers } from "../../adapters/drivers/registry.ts";
import type { Log } from "../../core/log.ts";
import type { ShimNetwork } from "../../core/planning/networks.ts";

const ignore = () => {};
const silent: Log = { info: ignore, warn: ignore, error: ignore, debug: ignore };

const roles: readonly ShimNetwork["role"][] = ["management", "vip", "member"];

/** Bridges are found by instance and role; addresses do not matter to who takes them away. */
function nameOnly(role: ShimNetwork["role"]): ShimNetwork {
  return { id: role, name: role, role, subnet: { id: role, name: role, cidr: "0.0.0.0/0", gateway: "0.0.0.0" } };
}

/** Takes away every amphora, bridge and control group of an instance, whichever driver made them. */
export async function destroyMachines(instance: string, stateDirectory: string, signal: AbortSignal): Promise<void> {
  for (const create of Object.values(computeDrivers)) {
    const driver = create({
      ...{ instance, stateDirectory, log: silent },
      networks: roles.map(nameOnly),
      // Nothing is made, so nothing of this is asked for.
      ...{ agentBundle: "", amphoraeMax: 0, memoryPerAmphoraBytes: 0 },
    });
    await driver.destroyAll(signal);
  }
}
