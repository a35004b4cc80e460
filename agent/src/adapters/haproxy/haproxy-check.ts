import { AgentError } from "../../core/agent-error.ts";
import type { CheckRequest, ConfigurationCheck } from "../../core/haproxy/configuration-check.ts";
import type { NamespaceCommand } from "../../core/system/namespace-command.ts";
import { ProgramMissing, type ProgramResult, ProgramStopped, type Programs } from "../../core/system/programs.ts";

/** The check of 1,000 servers takes 45 ms; a name that does not resolve can take haproxy this long. */
const CHECK_TIMEOUT_MS = 30_000;

/** `haproxy -c`, in the namespace haproxy will run in as soon as that exists. */
export class HaproxyCheck implements ConfigurationCheck {
  readonly #programs: Programs;
  readonly #haproxy: string;
  readonly #namespace: NamespaceCommand;

  constructor(dependencies: { programs: Programs; haproxy: string; namespace: NamespaceCommand }) {
    this.#programs = dependencies.programs;
    this.#haproxy = dependencies.haproxy;
    this.#namespace = dependencies.namespace;
  }

  async check(request: CheckRequest, signal: AbortSignal): Promise<{ ok: boolean; words: string }> {
    const words = ["-c", "-L", request.peer, ...request.files.flatMap((file) => ["-f", file])];
    const [program, ...programArguments] = await this.#namespace.wrapIfPresent([this.#haproxy, ...words]);
    const result = await this.#run(program, programArguments, signal);
    if (result.exitCode === 0) return { ok: true, words: result.output };
    if (!(await this.#programs.exists(this.#haproxy))) throw missing(this.#haproxy);
    return { ok: false, words: result.output.trim() === "" ? `haproxy exited ${result.exitCode}` : result.output };
  }

  async #run(program: string, programArguments: readonly string[], signal: AbortSignal): Promise<ProgramResult> {
    try {
      return await this.#programs.run(program, programArguments, { timeoutMs: CHECK_TIMEOUT_MS, signal });
    } catch (error) {
      if (error instanceof ProgramMissing) throw missing(error.program, error);
      if (error instanceof ProgramStopped) throw new AgentError("action-failed", error.message, { cause: error });
      throw error;
    }
  }
}

function missing(program: string, cause?: unknown): AgentError {
  return new AgentError("haproxy-missing", `${program} is not installed or cannot be executed`, { cause });
}
