import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readInstanceRecord } from "./instance-record.ts";
import { type Proof, runCheck } from "./start/check.ts";
import { cleanUp } from "./start/clean-up.ts";
import { Demo } from "./start/demo.ts";
import { keepLogs } from "./start/kept-logs.ts";
import { showLive } from "./start/live-view.ts";
import { compareMachineStates, type MachineState, readMachineState } from "./start/machine-state.ts";
import { CannotRun, checkMachine, checkRoot } from "./start/preflight.ts";
import { isRunning, RunLedger, readRunRecord } from "./start/run-ledger.ts";
import { parseDemoSettings, repositoryRoot } from "./start/settings.ts";

/**
 * `npm start`, the main job: a load balancer on this machine with real traffic through it, and nothing left of it
 * afterwards. Whatever ends it (q, Ctrl-C, SIGTERM, a failure), the same clean-up runs; after SIGKILL the next start's.
 */
const settings = parseDemoSettings(process.argv.slice(2));
const CLEAN_UP_ATTEMPTS = 3;
const startedMs = performance.now();
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort(signal));
// Nobody reads any longer (a closed pipe or terminal): the same as being told to stop.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => stop.abort("SIGHUP"));

process.exitCode = await main().catch((error: unknown) => {
  console.error(`krater: ${error instanceof CannotRun ? error.message : describe(error)}`);
  return 1;
});

async function main(): Promise<number> {
  checkRoot();
  const runId = randomUUID();
  await removeEarlierRun();
  await checkMachine(settings);
  const before = await readMachineState({ ...settings, runId });
  const apiUrl = `http://127.0.0.1:${settings.apiPort}`;
  const ledger = RunLedger.claim(settings.stateFolder, { instance: settings.instance, runId, apiUrl });
  if (!ledger) throw new CannotRun("another run has just started: wait a moment and start again");

  let proofs: Proof[] = [];
  let failure: unknown;
  let demo: Demo | undefined;
  try {
    await bundleAgent();
    demo = await Demo.start(settings, ledger, report, stop.signal);
    if (settings.check) proofs = await runCheck(demo, report, stop.signal);
    else await showLive(demo, { input: process.stdin, output: process.stdout }, (key) => stop.abort(key), stop.signal);
  } catch (error) {
    failure = error;
  }
  demo?.traffic.stop();

  const stopped = stop.signal.aborted ? String(stop.signal.reason) : undefined;
  const logs = failure !== undefined && stopped === undefined ? keepLogs(settings) : undefined;
  report(stopped ? `stopping (${stopped}): removing everything` : "removing everything");
  const left = await removeEverything(before, runId);
  if (failure !== undefined && stopped === undefined) {
    console.error(`krater: ${describe(failure)}`);
    if (logs !== undefined) console.error(`krater: logs are kept in ${logs}`);
    return 1;
  }
  if (left > 0) return 1;
  if (stopped !== undefined) return settings.check ? 1 : 0;
  if (settings.check) printSummary(proofs);
  return 0;
}

/**
 * Gives the number of things that are still there, each of them told. Tried again: an impatient second Ctrl-C in a
 * terminal ends the programs that are just then taking things away.
 */
async function removeEverything(before: MachineState, runId: string): Promise<number> {
  let left: string[] = [];
  for (let attempt = 1; attempt <= CLEAN_UP_ATTEMPTS; attempt++) {
    const failure = await cleanUp(settings.instance, settings).then(
      () => undefined,
      (error: unknown) => describe(error),
    );
    left = compareMachineStates(before, await readMachineState({ ...settings, runId }));
    if (left.length === 0) {
      report("nothing is left: no process, namespace, link, cgroup, mount or file");
      return 0;
    }
    if (failure !== undefined) console.error(`krater: the clean-up failed: ${failure}`);
  }
  console.error(`krater: left behind:\n  ${left.join("\n  ")}`);
  console.error(`krater: try again with  npm run krater -- clean --instance ${settings.instance}`);
  return left.length;
}

/** A run that was killed left its folder with a record of what it had started. */
async function removeEarlierRun(): Promise<void> {
  const { instance, stateFolder } = settings;
  const earlier = readRunRecord(stateFolder);
  if (earlier && isRunning(earlier)) {
    throw new CannotRun(
      `another run of ${instance} is alive (pid ${earlier.owner.pid}, since ${earlier.startedAt}): stop it with Ctrl-C there, or  kill ${earlier.owner.pid}`,
    );
  }
  const owner = readInstanceRecord(instance);
  if (owner && owner.stateDirectory !== settings.shimStateDirectory) {
    throw new CannotRun(
      `instance ${instance} belongs to a shim with its state in ${owner.stateDirectory}: choose another name, npm start -- --instance demo`,
    );
  }
  if (existsSync(stateFolder)) report("an earlier run was killed: removing what it left");
  await cleanUp(instance, settings);
}

/**
 * The bundle's script is a tool of the repository, not a part of this package: it is run, not imported. Never cut off,
 * by a Ctrl-C in the terminal either: it takes a quarter of a second and would leave half of its files.
 */
async function bundleAgent(): Promise<void> {
  report("bundling the agent");
  const child = spawn(process.execPath, ["scripts/bundle-agent.ts"], {
    cwd: repositoryRoot,
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: 30_000,
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  stop.signal.throwIfAborted();
  if (code !== 0) throw new Error(`bundling the agent failed (exit code ${code}): try  npm run build:agent`);
}

function printSummary(proofs: readonly Proof[]): void {
  console.log("\nWhat was proved:");
  for (const { what, tookMs, detail } of proofs) {
    console.log(`  ${(tookMs / 1_000).toFixed(1).padStart(5)} s  ${what}\n           ${detail}`);
  }
  console.log(`  all of it in ${seconds()} s, nothing is left behind`);
}

function report(line: string): void {
  process.stdout.write(`${seconds().padStart(6)} s  ${line}\n`);
}

function seconds(): string {
  return ((performance.now() - startedMs) / 1_000).toFixed(1);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
