/** Processes of this machine, known by what /proc says of them: a recycled pid is never mistaken for the old one. */
export interface Processes {
  /** Undefined: no such process, or a zombie. */
  look(pid: number): ProcessIdentity | undefined;

  /** Every process the filter accepts. */
  find(accept: (identity: ProcessIdentity) => boolean): ProcessIdentity[];

  /** False when there was nobody to signal. */
  signal(pid: number, signal: "SIGTERM" | "SIGKILL" | "SIGUSR1" | "SIGUSR2"): boolean;
}

export interface ProcessIdentity {
  pid: number;
  parentPid: number;
  /** In clock ticks since boot: with the pid it names one process for ever. */
  startTicks: number;
  startedAtMs: number;
  commandLine: readonly string[];
}

/** Holds a connection open and tells once when it ends or cannot be made. */
export interface ConnectionWatch {
  hold(socketPath: string, onEnded: () => void): { release(): void };
}

/** True when `identity` is `program` working with `file` (haproxy and its pid file). */
export function isProgramWith(identity: ProcessIdentity, program: string, file: string): boolean {
  const [command = "", ...rest] = identity.commandLine;
  return baseName(command) === baseName(program) && rest.includes(file);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
