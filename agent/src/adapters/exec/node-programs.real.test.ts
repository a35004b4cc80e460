import { expect, test } from "vitest";
import { ProgramMissing, ProgramStopped } from "../../core/system/programs.ts";
import { NodePrograms } from "./node-programs.ts";
import { ProcProcesses } from "./proc-processes.ts";

const programs = new NodePrograms();

test("a program that is not there is told apart from one that fails", async () => {
  await expect(programs.run("/nonexistent/program", [], { timeoutMs: 1_000 })).rejects.toBeInstanceOf(ProgramMissing);
  expect(await programs.run("false", [], { timeoutMs: 1_000 })).toMatchObject({ exitCode: 1 });
  expect(await programs.exists("/nonexistent/program")).toBe(false);
  expect(await programs.exists("no-such-program-anywhere")).toBe(false);
  expect(await programs.exists(import.meta.dirname)).toBe(false);
  expect(await programs.exists("true")).toBe(true);
});

test("words are arguments, never a shell's", async () => {
  const { stdout } = await programs.run("echo", ["$HOME; rm -rf /", "`id`"], { timeoutMs: 1_000 });
  expect(stdout).toBe("$HOME; rm -rf / `id`\n");
});

test("both outputs are kept, in order and bounded", async () => {
  const script = "echo out; echo err >&2; sleep 0.05; echo more";
  const result = await programs.run("sh", ["-c", script], { timeoutMs: 5_000 });
  expect(result).toMatchObject({ exitCode: 0, stdout: "out\nmore\n", stderr: "err\n", truncated: false });
  const flood = await programs.run("sh", ["-c", "yes | head -c 1000000"], { timeoutMs: 5_000, maxOutputBytes: 1_000 });
  expect(flood.output.length).toBe(1_000);
  expect(flood).toMatchObject({ exitCode: 0, truncated: true });
});

test("a flood costs no more memory than is kept of it", async () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 20);
  await programs.run("sh", ["-c", "head -c 400000000 /dev/zero"], { timeoutMs: 20_000, maxOutputBytes: 1_000 });
  clearInterval(timer);
  expect(most - before).toBeLessThan(150e6);
});

test("a deadline ends the program, whoever of its children holds the pipe", async () => {
  const startedMs = performance.now();
  const run = programs.run("sh", ["-c", "sleep 4 & sleep 4"], { timeoutMs: 100 });
  await expect(run).rejects.toBeInstanceOf(ProgramStopped);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

test("a caller who gives up ends the program, before or during", async () => {
  const gone = AbortSignal.abort();
  await expect(programs.run("true", [], { timeoutMs: 1_000, signal: gone })).rejects.toBeInstanceOf(ProgramStopped);
  const leaving = new AbortController();
  const run = programs.run("sleep", ["4"], { timeoutMs: 5_000, signal: leaving.signal });
  leaving.abort();
  await expect(run).rejects.toThrow(/gave up/);
});

test("a signal is an exit code of 128 and more", async () => {
  expect(await programs.run("sh", ["-c", "kill -9 $$"], { timeoutMs: 1_000 })).toMatchObject({ exitCode: 137 });
});

test("a process is known by what /proc says; one that is gone is nobody", async () => {
  const processes = new ProcProcesses();
  const own = processes.look(process.pid);
  expect(own?.parentPid).toBe(process.ppid);
  expect(Math.abs((own?.startedAtMs ?? 0) - (Date.now() - process.uptime() * 1000))).toBeLessThan(3_000);
  expect(processes.find(({ pid }) => pid === process.pid)).toHaveLength(1);
  expect(processes.look(0)).toBeUndefined();
  expect(processes.look(2 ** 30)).toBeUndefined();
  expect(processes.signal(2 ** 30, "SIGTERM")).toBe(false);
});

/** Runs `script` as a module in a process that may open 64 files; `exhaust()` opens them all. */
async function withFewFiles(script: string): Promise<unknown> {
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const preamble = `
    import { openSync } from "node:fs";
    import { NodePrograms } from ${module("./node-programs.ts")};
    import { ProcProcesses } from ${module("./proc-processes.ts")};
    const exhaust = () => { try { for (;;) openSync("/dev/null"); } catch {} };
  `;
  const words = ["--nofile=64:64", process.execPath, "--input-type=module", "-e", preamble + script];
  const { stdout, stderr } = await programs.run("prlimit", words, { timeoutMs: 20_000 });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

test("without a descriptor to spare a program fails, and nothing else does", async () => {
  const script = `
    exhaust();
    const failed = await new NodePrograms().run("true", [], { timeoutMs: 1000 }).catch((error) => error.code);
    process.stdout.write(JSON.stringify(failed));
  `;
  expect(await withFewFiles(script)).toBe("EMFILE");
});

test("without a descriptor to spare a process that lives is not taken for dead, one that died is", async () => {
  const script = `
    import { spawn } from "node:child_process";
    const processes = new ProcProcesses();
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    const before = processes.look(child.pid);
    exhaust();
    const during = processes.look(child.pid);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    const after = processes.look(child.pid) ?? "gone";
    process.stdout.write(JSON.stringify([before.startTicks === during?.startTicks, after]));
  `;
  expect(await withFewFiles(script)).toEqual([true, "gone"]);
});
