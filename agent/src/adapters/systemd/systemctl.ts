import { AgentError } from "../../core/agent-error.ts";
import { ProgramMissing, type ProgramResult, ProgramStopped, type Programs } from "../../core/system/programs.ts";

/** Above the unit's own TimeoutStartSec=40, below the 60 s a controller waits for an answer. */
const SYSTEMCTL_TIMEOUT_MS = 45_000;

export interface UnitState {
  active: "active" | "activating" | "inactive" | "failed" | "deactivating" | "reloading";
  mainPid: number;
  restarts: number;
  result: string;
}

/** systemctl(1) and journalctl(1), each call with a deadline; only `show` is parsed. */
export class Systemctl {
  readonly #programs: Programs;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** An exit code is a result; no answer in time is a failure of the action. */
  async run(...systemctlArguments: string[]): Promise<ProgramResult> {
    return this.#call("systemctl", systemctlArguments);
  }

  async show(unit: string): Promise<UnitState> {
    const properties = ["ActiveState", "MainPID", "NRestarts", "Result"];
    const { stdout } = await this.run("show", "--property", properties.join(","), unit);
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(stdout)?.[1] ?? "";
    return {
      active: (value("ActiveState") || "inactive") as UnitState["active"],
      mainPid: Number(value("MainPID") || 0),
      restarts: Number(value("NRestarts") || 0),
      result: value("Result"),
    };
  }

  /** What the unit's processes said since then. */
  async journal(unit: string, sinceMs: number): Promise<string> {
    // What a process that ended just now has said may still be on its way into the journal.
    await this.#call("journalctl", ["--sync"]);
    const since = `@${(sinceMs / 1000).toFixed(3)}`;
    const journalctlArguments = ["--unit", unit, "--since", since, "--lines", "60", "--output", "cat", "--no-pager"];
    const { exitCode, stdout } = await this.#call("journalctl", journalctlArguments);
    return exitCode === 0 && !stdout.startsWith("-- No entries --") ? stdout : "";
  }

  async #call(program: string, programArguments: string[]): Promise<ProgramResult> {
    try {
      return await this.#programs.run(program, programArguments, { timeoutMs: SYSTEMCTL_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof ProgramMissing) && !(error instanceof ProgramStopped)) throw error;
      throw new AgentError("action-failed", error.message, { cause: error });
    }
  }
}
