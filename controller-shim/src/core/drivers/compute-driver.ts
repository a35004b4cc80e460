/**
 * Gives amphorae a life. Level-triggered: `ensure` makes an amphora be as its specification says or finds it so, and
 * may be repeated after a crash at any instant. A driver is a folder and a row in `adapters/drivers/registry.ts`.
 */
export interface ComputeDriver {
  readonly name: string;
  /** Prepares what all amphorae share (bridges, folders); repeatable; removes nothing. */
  prepare(signal: AbortSignal): Promise<void>;
  /** False when somebody took away what amphorae are attached to; cheap enough to be asked every second. */
  hasNetworks(): Promise<boolean>;
  /** Throws `DriverError` when one more amphora cannot be had, before anything is stored. */
  admit(): Promise<void>;
  /** Resolves when the amphora's agent has been started (not yet answering). Throws `DriverError`. */
  ensure(specification: AmphoraSpecification, signal: AbortSignal): Promise<void>;
  /** Everything of this instance on the machine, also what the database does not know. */
  observe(): Promise<ObservedAmphora[]>;
  /** Removes the amphora with its processes, interfaces, files; fine when there is none. */
  destroy(amphoraId: string, signal: AbortSignal): Promise<void>;
  /** Removes every amphora and everything shared of this instance: `krater clean`, the end of `npm start`. */
  destroyAll(signal: AbortSignal): Promise<void>;
}

export interface AmphoraSpecification {
  amphoraId: string;
  /** What a config drive would carry, paths as the amphora sees them. Secrets among them: RAM only, never logged. */
  bootFiles: readonly BootFile[];
  /** Wanted interfaces, complete: what is not listed is taken away. */
  legs: readonly NetworkLeg[];
  /** Default route of the amphora. */
  gateway: string | undefined;
  memoryMaxBytes: number;
  processesMax: number;
}

export interface BootFile {
  path: string;
  mode: number;
  content: string;
}

export interface NetworkLeg {
  /** `eth0` management, `eth1` VIP, `eth2`... member networks. */
  name: string;
  subnetId: string;
  /** The amphora's own address on the subnet. */
  address: string;
  prefixLength: number;
  /** Further addresses (/32, /128): the VIP, once this amphora is the one to hold it. */
  virtualAddresses: readonly string[];
}

export interface ObservedAmphora {
  amphoraId: string;
  /** False when its init has ended: everything in it is dead. */
  running: boolean;
}
