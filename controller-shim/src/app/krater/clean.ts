import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defaultConfiguration } from "../config.ts";
import { livingShimOf, readInstanceRecord } from "../instance-record.ts";
import { cleanUp } from "../start/clean-up.ts";
import { isRunning, readRunRecord } from "../start/run-ledger.ts";
import { shimStateDirectoryOf, stateFolderOf } from "../start/settings.ts";

export interface Cleaned {
  instance: string;
  /** What happened, for people. */
  lines: string[];
}

/**
 * Takes away what an instance left on the machine when its shim was killed. The state (database, keys) of a shim of one's
 * own stays unless asked for: it holds what its users were promised, and the next shim makes the machine follow it.
 * The main job's state goes in any case: it was made to be thrown away.
 */
export async function cleanInstance(instance: string, options: { removeState: boolean }): Promise<Cleaned> {
  if (process.getuid?.() !== 0) throw new Error("cleaning takes away network namespaces and needs root: use sudo");
  const run = readRunRecord(stateFolderOf(instance));
  if (run && isRunning(run)) {
    throw new Error(`npm start of instance ${instance} is alive (pid ${run.owner.pid}): stop it, it cleans up itself`);
  }
  // A shim that the main job left behind is dead enough: the clean-up ends it.
  const shim = livingShimOf(instance);
  if (shim && !run) {
    throw new Error(
      `the shim of instance ${instance} is alive (pid ${shim.shim.pid}, API ${shim.apiUrl}): stop it first, with Ctrl-C there or  kill ${shim.shim.pid}`,
    );
  }
  const stateDirectory = stateDirectoryOf(instance, run !== undefined);
  await cleanUp(instance, {
    stateFolder: stateFolderOf(instance),
    shimStateDirectory: stateDirectory ?? shimStateDirectoryOf(instance),
  });
  const lines = [`nothing of instance ${instance} runs on this machine any more`];
  if (stateDirectory === undefined) lines.push("where its state was is not known: nothing of that was touched");
  else if (existsSync(stateDirectory)) {
    if (options.removeState) removeState(stateDirectory);
    lines.push(
      options.removeState
        ? `removed its state ${stateDirectory}`
        : `kept its state ${stateDirectory}: the next shim takes it up again; --state removes it`,
    );
  }
  return { instance, lines };
}

/** The shim wrote it down; of the main job it is below its folder. The default folder belongs to the default instance. */
function stateDirectoryOf(instance: string, isMainJob: boolean): string | undefined {
  const recorded = readInstanceRecord(instance)?.stateDirectory;
  if (recorded !== undefined) return recorded;
  if (isMainJob) return shimStateDirectoryOf(instance);
  const standard = defaultConfiguration();
  return instance === standard.instance ? standard.state_directory : undefined;
}

/** What a shim makes there, by name, and the folder when that was all: it may be anybody's, /root as well. */
function removeState(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^(state\.db(-\w+)?|shim\.lock.*|heartbeat\.key.*|pki|amphorae)$/.test(name)) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
