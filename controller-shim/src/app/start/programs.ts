import { spawn } from "node:child_process";

interface ProgramResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const OUTPUT_LIMIT_BYTES = 4 * 2 ** 20;

/**
 * Runs a program by its argument list, with a deadline. Its exit code is a result; not being able to run it throws.
 * Programs are out of the terminal's reach: a Ctrl-C stops the main job, which then needs them to take things away.
 */
export function run(program: string, args: readonly string[], timeoutMs = 10_000): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`${program} ${args.join(" ")}: ${why}`));
    };
    const timer = setTimeout(() => fail(`no end within ${timeoutMs} ms`), timeoutMs);
    const result = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        result[name] += text;
        if (result[name].length > OUTPUT_LIMIT_BYTES) fail("printed too much");
      });
    }
    child.once("error", (error) => fail(error.message));
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code === null) fail(`killed by ${signal}`);
      else resolve({ exitCode: code, ...result });
    });
  });
}

/** As `run`, where anything but exit code 0 is a failure told in the program's own words. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(program, args);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr.trim() || `exit code ${exitCode}`}`);
  return stdout;
}
