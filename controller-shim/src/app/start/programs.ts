import { execFile } from "node:child_process";

export interface ProgramResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program by its argument list, with a deadline. Its exit code is a result; not being able to run it throws. */
export function run(program: string, args: readonly string[], timeoutMs = 10_000): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: timeoutMs, maxBuffer: 2 ** 22 }, (error, stdout, stderr) => {
      if (error?.killed) return reject(new Error(`${program} ${args.join(" ")}: no end within ${timeoutMs} ms`));
      if (error && typeof error.code !== "number") return reject(error);
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

/** As `run`, where anything but exit code 0 is a failure told in the program's own words. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(program, args);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr.trim() || `exit code ${exitCode}`}`);
  return stdout;
}
