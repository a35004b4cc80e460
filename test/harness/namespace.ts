import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A network namespace of the test's own, loopback up. `remove` deletes it; call it in `afterAll` or `onTestFinished`. */
export async function createNamespace(prefix = "kt"): Promise<{ name: string; exec: Exec; remove(): Promise<void> }> {
  const name = `${prefix}-${randomBytes(4).toString("hex")}`;
  await run("ip", ["netns", "add", name]);
  const exec: Exec = async (program, ...args) => (await run("ip", ["netns", "exec", name, program, ...args])).stdout;
  await exec("ip", "link", "set", "lo", "up");
  return { name, exec, remove: async () => void (await run("ip", ["netns", "delete", name])) };
}

export type Exec = (program: string, ...args: string[]) => Promise<string>;
