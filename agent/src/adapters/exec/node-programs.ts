import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { constants as osConstants } from "node:os";
import type { Readable } from "node:stream";
import {
  ProgramMissing,
  type ProgramResult,
  ProgramStopped,
  type Programs,
  type RunOptions,
} from "../../core/system/programs.ts";

const DEFAULT_OUTPUT_BYTES = 64 * 1024;

/** Runs programs without a shell. The environment is fixed: their output is read by machines. */
export class NodePrograms implements Programs {
  async run(program: string, programArguments: readonly string[], options: RunOptions): Promise<ProgramResult> {
    const { timeoutMs, signal, maxOutputBytes = DEFAULT_OUTPUT_BYTES } = options;
    if (signal?.aborted) throw new ProgramStopped(program, "was not started: its caller gave up");
    const child = spawn(program, programArguments, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C", SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0" },
    });
    // Listened to at once: without a descriptor to spare, spawn reports its failure before there are pipes to read.
    const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => resolve({ code, by }));
    });
    const all: Buffer[] = [];
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let room = maxOutputBytes;
    let truncated = false;
    const take = (into: Buffer[]) => (chunk: Buffer) => {
      truncated ||= chunk.length > room;
      if (room === 0) return;
      const kept = Buffer.from(chunk.subarray(0, room)); // a view would keep the whole chunk in memory
      room -= kept.length;
      into.push(kept);
      all.push(kept);
    };
    const pipes = [child.stdout, child.stderr] as (Readable | undefined)[];
    pipes[0]?.on("data", take(out));
    pipes[1]?.on("data", take(err));

    let stopped = "";
    const stop = (why: string): void => {
      stopped ||= why;
      child.kill("SIGKILL");
      // A grandchild that holds the pipes open must not hold us.
      for (const pipe of pipes) pipe?.destroy();
    };
    const timer = setTimeout(() => stop(`did not end within ${timeoutMs} ms`), timeoutMs);
    const abort = (): void => stop("was ended: its caller gave up");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const { code, by } = await ended;
      if (stopped !== "") throw new ProgramStopped(program, stopped);
      const exitCode = code ?? 128 + (by === null ? 0 : osConstants.signals[by]);
      return { exitCode, stdout: text(out), stderr: text(err), output: text(all), truncated };
    } catch (error) {
      if (isMissing(error)) throw new ProgramMissing(program, error);
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  async exists(program: string): Promise<boolean> {
    const folders = program.includes("/") ? [""] : (process.env["PATH"] ?? "").split(":").map((folder) => `${folder}/`);
    for (const folder of folders) {
      const path = `${folder}${program}`;
      const found = await Promise.all([access(path, constants.X_OK), stat(path)]).then(
        ([, seen]) => seen.isFile(),
        () => false,
      );
      if (found) return true;
    }
    return false;
  }
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "EACCES" || code === "ENOEXEC";
}
