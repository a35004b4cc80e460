import type { AmphoraDetails, AmphoraInfo } from "../../contract/rest.ts";

/** What the machine says of itself: `GET /1.0/info` and the measured part of `GET /1.0/details`. */
export interface SystemFacts {
  info(): Promise<SystemInfo>;
  details(): Promise<SystemDetails>;
}

export type SystemInfo = Omit<AmphoraInfo, "api_version">;

export type SystemDetails = Pick<
  AmphoraDetails,
  | keyof SystemInfo
  | "networks"
  | "cpu_count"
  | "cpu"
  | "memory"
  | "disk"
  | "load"
  | "active_tuned_profiles"
  | "lvs_listener_process_count"
>;
