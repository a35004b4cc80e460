import type { ComputeDriver } from "../../core/drivers/compute-driver.ts";
import { NetnsDriver, type NetnsDriverOptions } from "./netns/netns-driver.ts";

/** What a compute driver is given; each takes what it needs. */
export type ComputeDriverOptions = NetnsDriverOptions;

/** Compute drivers by the name the configuration uses. A driver is a folder beside this file and a row here. */
export const computeDrivers: Readonly<Record<string, (options: ComputeDriverOptions) => ComputeDriver>> = {
  netns: (options) => new NetnsDriver(options),
};
