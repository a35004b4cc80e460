import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { AgentError } from "../../core/agent-error.ts";
import { messageOf } from "../../core/message-of.ts";
import type { Service } from "../../core/services/service-manager.ts";
import type { OutputFile } from "./output-file.ts";

/** From exec until it serves; reading thousands of certificates takes haproxy seconds. */
const READY_TIMEOUT_MS = 30_000;

export interface Launched {
  pid: number;
  child: ChildProcess;
}

/**
 * Starts a command that outlives us: a session of its own, output into a file, an environment that carries nothing of
 * ours (NOTIFY_SOCKET above all). Resolves when the service is ready, rejects with its words when it is not.
 */
export async function launch(
  service: Service,
  command: readonly [string, ...string[]],
  output: OutputFile,
  tools: { signal: AbortSignal; end(pid: number): Promise<void> },
): Promise<Launched> {
  const [program, ...programArguments] = command;
  output.mark();
  const descriptor = output.openForChild();
  let child: ChildProcess;
  try {
    const { PATH, TZ } = process.env;
    child = spawn(program, programArguments, {
      detached: true,
      stdio: ["ignore", descriptor, descriptor],
      cwd: "/",
      env: { PATH, TZ },
    });
  } finally {
    closeSync(descriptor);
  }
  const ended = new AbortController();
  child.once("exit", (code, by) => ended.abort(new Error(describeExit(code, by))));
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) =>
      reject(new AgentError("haproxy-missing", `${program} cannot be run`, { cause: error })),
    );
  });
  child.unref();
  const pid = child.pid as number;
  try {
    await service.ready(pid, AbortSignal.any([ended.signal, tools.signal, AbortSignal.timeout(READY_TIMEOUT_MS)]));
    if (ended.signal.aborted) throw ended.signal.reason;
    return { pid, child };
  } catch (error) {
    await tools.end(pid);
    const why = messageOf(error);
    throw new AgentError("action-failed", `${service.name} did not start: ${why}`, {
      details: output.sinceMark().trim() || why,
      cause: error,
    });
  }
}

export function describeExit(code: number | null, by: NodeJS.Signals | null): string {
  return by === null ? `exited with code ${code}` : `was killed by ${by}`;
}
