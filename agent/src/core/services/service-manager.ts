/** Keeps daemons running: whatever was started is started again when it dies, until it is stopped. */
export interface ServiceManager {
  /** The service comes back after a reboot. Throws `enable-failed`. Starts nothing. */
  install(service: Service, signal: AbortSignal): Promise<void>;

  /** Undoes `install`; nothing to undo is fine. */
  uninstall(name: string, signal: AbortSignal): Promise<void>;

  /** Supervises a process of this service that runs already (the agent was away). Undefined: there is none. */
  adopt(service: Service): Promise<RunningProcess | undefined>;

  /**
   * Starts and waits until the service is ready; already running is fine. A process of foreign making is replaced.
   * Throws `action-failed` with the program's own words, `haproxy-missing`; then nothing of it runs.
   */
  start(service: Service, signal: AbortSignal): Promise<RunningProcess>;

  /** Starts in the background, again and again until it runs: what should run, runs. */
  keepRunning(service: Service): Promise<void>;

  /** Asks the running process to take its configuration anew; whether it did is for the caller to prove. */
  reload(name: string, signal: AbortSignal): Promise<void>;

  /** Ends the process and does not start it again; not running is fine. Throws `action-failed`. */
  stop(name: string, signal: AbortSignal): Promise<void>;

  state(name: string): Promise<ServiceState>;

  /** Whether process `pid` is a child of the service's main process, as the kernel says. */
  owns(name: string, pid: number): boolean;

  /** What the program said since its last start or reload (bounded, newest last). */
  output(name: string): Promise<string>;

  /** Called for every death and every restart that was not asked for. */
  subscribe(listener: (event: ServiceEvent) => void): void;

  /** Lets go of everything; the processes go on. */
  close(): void;
}

export interface Service {
  /** Names units and files, so `[A-Za-z0-9_.-]` only. */
  name: string;
  description: string;
  program: string;
  arguments: readonly string[];
  /** Arguments that make the program check its configuration and exit: for supervisors that gate a start by it. */
  checkArguments: readonly string[];
  /** The program writes its pid here. */
  pidFile: string;
  /** A connection to this unix socket closes when the process dies. */
  controlSocket: string;
  /** Resolves when process `pid` serves; rejects when the signal aborts first. */
  ready(pid: number, signal: AbortSignal): Promise<void>;
}

export interface RunningProcess {
  pid: number;
  sinceMs: number;
}

export type ServiceState =
  | ({
      state: "running";
      /** Started by somebody else with other arguments: serves, but has to be replaced to take a new configuration. */
      foreign: boolean;
    } & RunningProcess)
  | { state: "restarting"; reason: string; attempt: number }
  | { state: "stopped" };

export type ServiceEvent =
  | { kind: "died"; name: string; pid: number; reason: string }
  | { kind: "restarted"; name: string; pid: number; attempt: number };
