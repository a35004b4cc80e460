/** Programs by argument list: with a deadline, a signal and a bound on what they may say. */
export interface Programs {
  /** Rejects only when the program could not be run or did not end in time; an exit code is a result. */
  run(program: string, programArguments: readonly string[], options: RunOptions): Promise<ProgramResult>;

  /** Whether the program (a path, or a name on the search path) exists and may be executed. */
  exists(program: string): Promise<boolean>;
}

export interface RunOptions {
  timeoutMs: number;
  signal?: AbortSignal;
  /** Of stdout and stderr together; the rest is dropped and `truncated` set. 64 KiB unless told. */
  maxOutputBytes?: number;
}

export interface ProgramResult {
  /** 128 + signal number when a signal ended it. */
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Both, in the order they came. */
  output: string;
  truncated: boolean;
}

/** The program is not there or may not be executed. */
export class ProgramMissing extends Error {
  readonly program: string;

  constructor(program: string, cause?: unknown) {
    super(`${program} is not installed or cannot be executed`, { cause });
    this.name = "ProgramMissing";
    this.program = program;
  }
}

/** The program was ended because its deadline passed or its caller gave up. */
export class ProgramStopped extends Error {
  constructor(program: string, why: string) {
    super(`${program} ${why}`);
    this.name = "ProgramStopped";
  }
}
