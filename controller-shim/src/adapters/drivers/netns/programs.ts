import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";

/** The programs this driver drives: by argument list, always with an end. */
export interface Programs {
  /** Standard output of a program that ended with 0; else `ProgramFailed` with the program's own words. */
  run(program: string, args: readonly string[], options: RunOptions): Promise<string>;
  /**
   * Starts a program that outlives this process, in a session of its own, and hands it `input`. Resolves when it says
   * "started" on its descriptor 3, rejects with `ProgramFailed` when it ends or stays silent instead.
   */
  launch(program: string, args: readonly string[], options: LaunchOptions): Promise<void>;
}

interface RunOptions {
  signal: AbortSignal;
  input?: string;
  timeoutMs?: number;
}

interface LaunchOptions {
  signal: AbortSignal;
  input: Buffer;
  /** Receives what the program and its children print. */
  logDescriptor: number;
  timeoutMs: number;
}

export class ProgramFailed extends Error {
  constructor(program: string, args: readonly string[], why: string, options?: ErrorOptions) {
    super(`${program} ${args.join(" ")}: ${why}`, options);
    this.name = "ProgramFailed";
  }
}

const RUN_TIMEOUT_MS = 10_000;
const OUTPUT_LIMIT_BYTES = 16 * 2 ** 20;
/** Nothing of the controller's own environment reaches an amphora. */
const environment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };

export const realPrograms: Programs = {
  run(program, args, { signal, input = "", timeoutMs = RUN_TIMEOUT_MS }) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const child = spawn(program, args, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
      const fail = (why: string, options?: ErrorOptions): void => {
        finish();
        child.kill("SIGKILL");
        reject(new ProgramFailed(program, args, why, options));
      };
      const timer = setTimeout(() => fail(`no end within ${timeoutMs} ms`), timeoutMs);
      const abort = (): void => fail("stopped", { cause: signal.reason });
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      };
      signal.addEventListener("abort", abort);
      const output = collect(child.stdout, () => fail("printed too much"));
      const errors = collect(child.stderr, () => fail("printed too much"));
      child.stdin.on("error", () => {}); // it ended without reading: its exit status says why
      child.stdin.end(input);
      child.once("error", (cause) => fail(cause.message, { cause }));
      child.once("close", (status, killedBy) => {
        finish();
        if (status === 0) resolve(output());
        else reject(new ProgramFailed(program, args, errors().trim() || `ended with ${status ?? killedBy}`));
      });
    });
  },

  launch(program, args, { signal, input, logDescriptor, timeoutMs }) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const child: ChildProcess = spawn(program, args, {
        cwd: "/",
        detached: true,
        env: environment,
        stdio: ["pipe", logDescriptor, logDescriptor, "pipe"],
      });
      const started = child.stdio[3] as Readable;
      const settle = (why?: string, options?: ErrorOptions): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        started.destroy();
        child.stdin?.destroy();
        child.unref();
        if (why === undefined) resolve();
        else reject(new ProgramFailed(program, args, why, options));
      };
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        settle(`not started within ${timeoutMs} ms`);
      }, timeoutMs);
      const abort = (): void => settle("stopped", { cause: signal.reason });
      signal.addEventListener("abort", abort);
      child.once("error", (cause) => settle(cause.message, { cause }));
      child.once("exit", (status, killedBy) => settle(`ended with ${status ?? killedBy}`));
      started.on("error", () => {});
      started.once("data", () => settle());
      child.stdin?.on("error", () => {}); // it ended without reading: its exit says so
      child.stdin?.end(input);
    });
  },
};

function collect(stream: Readable, overflow: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > OUTPUT_LIMIT_BYTES) return overflow();
    chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
