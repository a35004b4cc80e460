import type { ProblemCode } from "../contract/problem.ts";

/** An error a caller is told about: a code for machines, one sentence for people, the program's own words if any. */
export class AgentError extends Error {
  readonly code: ProblemCode;
  readonly details: string | undefined;

  constructor(code: ProblemCode, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AgentError";
    this.code = code;
    this.details = options.details;
  }
}
