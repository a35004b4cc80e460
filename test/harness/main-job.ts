import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { createNamespace } from "./namespace.ts";
import { waitFor } from "./wait-for.ts";

const root = resolve(import.meta.dirname, "../..");
const app = join(root, "controller-shim/src/app");

/** A machine for one test: a network namespace that plays the host, and an instance name nobody else has. */
export interface TestMachine {
  instance: string;
  /** Runs a TypeScript program of the shim's app folder on this machine. */
  launch(program: AppProgram, args: readonly string[], options?: LaunchOptions): Launched;
  /** The same on a terminal of 80x24, with keys to press. */
  launchOnTerminal(program: AppProgram, args: readonly string[]): Launched;
  /** Any program, to its end. */
  run(program: string, args: readonly string[], options?: LaunchOptions): Promise<Ended>;
  /** What is there and should not be: an empty list after everything has ended. */
  leftovers(): string[];
}

type AppProgram = "start.ts" | "krater.ts" | "main.ts" | "start/member-server.ts";

interface LaunchOptions {
  environment?: Record<string, string>;
  uid?: number;
}

export interface Launched {
  process: ChildProcess;
  output(): string;
  type(keys: string): void;
  /** Waits until the output contains `words`. */
  says(words: string, timeoutMs?: number): Promise<void>;
  ended(timeoutMs?: number): Promise<Ended>;
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

export async function createTestMachine(): Promise<TestMachine> {
  const host = await createNamespace("kt-host");
  const instance = `t${randomInt(36 ** 5)
    .toString(36)
    .padStart(5, "0")}`;
  const hostPath = `/run/netns/${host.name}`;
  const inode = statSync(hostPath).ino;
  const launched: ChildProcess[] = [];

  const start = (program: string, args: readonly string[], options: LaunchOptions = {}): Launched => {
    // Only the network is the machine's own: `ip netns exec` would hide the control groups as well.
    const child = spawn("nsenter", [`--net=${hostPath}`, ...asUser(options.uid), program, ...args], {
      cwd: root,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.environment },
    });
    launched.push(child);
    return follow(child, [program, ...args].join(" "));
  };
  const machine: TestMachine = {
    instance,
    launch: (program, args, options) => start(process.execPath, [join(app, program), ...args], options),
    launchOnTerminal: (program, args) => {
      // script(1) gives the program a terminal and forwards what it reads as keys.
      const line = ["stty rows 24 cols 80; exec", process.execPath, join(app, program), ...args].join(" ");
      return start("script", ["--quiet", "--flush", "--return", "--command", line, "/dev/null"]);
    },
    run: (program, args, options) => start(program, args, options).ended(60_000),
    leftovers: () => [
      ...namesIn("/run/netns").filter((name) => name.startsWith(`${instance}-`)),
      ...namesIn("/run").filter((name) => name.includes(instance)),
      ...namesIn("/run/krater").filter((name) => name.startsWith(instance)),
      ...readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .filter((line) => line.includes(instance)),
      ...cgroups(instance),
      ...processesIn(inode),
    ],
  };
  onTestFinished(async () => {
    for (const child of launched) child.kill("SIGKILL");
    const cleaner = machine.launch("krater.ts", ["clean", "--instance", instance, "--state"]);
    await cleaner.ended(40_000).catch(() => {});
    for (const pid of processesIn(inode)) process.kill(Number(pid.split(" ")[0]), "SIGKILL");
    await host.remove();
  });
  return machine;
}

function follow(child: ChildProcess, what: string): Launched {
  let output = "";
  const collect = (chunk: Buffer) => {
    output += chunk.toString("utf8");
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  let end: Ended | undefined;
  child.once("close", (code, signal) => {
    end = { code, signal, output };
  });
  child.once("error", (error) => {
    end = { code: null, signal: null, output: error.message };
  });
  return {
    process: child,
    output: () => output,
    type: (keys) => void child.stdin?.write(keys),
    says: async (words, timeoutMs = 30_000) => {
      const seen = await waitFor(`"${words}"`, () => (output.includes(words) ? "said" : end), { timeoutMs }).catch(
        (error: Error) => {
          throw new Error(`${what}: ${error.message}; it said: ${output}`);
        },
      );
      if (seen !== "said") throw new Error(`${what} ended without saying "${words}": ${output}`);
    },
    ended: (timeoutMs = 30_000) => waitFor(`the end of ${what}; so far: ${output}`, () => end, { timeoutMs }),
  };
}

function asUser(uid: number | undefined): string[] {
  return uid === undefined ? [] : [`--setuid=${uid}`, `--setgid=${uid}`];
}

function cgroups(instance: string): string[] {
  const base = "/sys/fs/cgroup";
  const folders = [base, ...namesIn(base).map((name) => join(base, name))];
  return folders.map((folder) => join(folder, instance)).filter((folder) => existsSync(folder));
}

function processesIn(networkNamespace: number): string[] {
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/ns/net`) !== `net:[${networkNamespace}]`) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`];
      } catch {
        return []; // ended meanwhile
      }
    });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
