import type { Clock } from "../clock.ts";
import type { AgentClient } from "../drivers/agent-client.ts";
import type { AmphoraDriver, AmphoraEndpoint } from "../drivers/amphora-driver.ts";
import type { CertificateAuthority } from "../drivers/certificate-authority.ts";
import type { ComputeDriver } from "../drivers/compute-driver.ts";
import type { ShimEventLog } from "../events/shim-events.ts";
import type { Log } from "../log.ts";
import type { allocateAddress } from "../planning/allocate-address.ts";
import type { ShimNetwork } from "../planning/networks.ts";
import type { AmphoraRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";

/** What bringing a load balancer to life needs of the world. */
export interface Lifecycle {
  store: Store;
  compute: ComputeDriver;
  amphoraDriver: AmphoraDriver;
  agent: Pick<AgentClient, "info">;
  authority: Pick<CertificateAuthority, "clientCaPem" | "issueAmphoraCertificate">;
  networks: readonly ShimNetwork[];
  allocateAddress: typeof allocateAddress;
  clock: Clock;
  log: Log;
  events: ShimEventLog;
  settings: LifecycleSettings;
  /** Who holds leases: one name for each start of the shim. */
  owner: string;
  /** Told after every commit: what is known about this load balancer's health has to be looked at again. */
  onApplied(loadBalancerId: string): void;
}

export interface LifecycleSettings {
  /** A change not applied after so long goes to ERROR. */
  deadlineMs: number;
  /** How long a started amphora may take to answer. */
  bootMs: number;
  memoryMaxBytes: number;
  processesMax: number;
  heartbeatKey: string;
  heartbeatIntervalS: number;
  heartbeatPort: number;
}

export const AGENT_PORT = 9443;

export function endpointOf(amphora: AmphoraRow): AmphoraEndpoint {
  return { amphoraId: amphora.id, address: amphora.lb_network_ip, port: AGENT_PORT };
}

export function networkOf(networks: readonly ShimNetwork[], role: ShimNetwork["role"]): ShimNetwork {
  const found = networks.find((network) => network.role === role);
  if (!found) throw new Error(`no ${role} network is configured`);
  return found;
}
