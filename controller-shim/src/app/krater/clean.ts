import { existsSync, rmSync } from "node:fs";
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
      `the shim of instance ${instance} is alive (pid ${shim.shim.pid}, API ${shim.apiUrl}): stop it first`,
    );
  }
  // Without a record: of the main job, whose folder says it, or the default.
  const stateDirectory =
    readInstanceRecord(instance)?.stateDirectory ??
    (run ? shimStateDirectoryOf(instance) : defaultConfiguration().state_directory);
  await cleanUp(instance, { stateFolder: stateFolderOf(instance), shimStateDirectory: stateDirectory });
  const lines = [`nothing of instance ${instance} runs on this machine any more`];
  if (existsSync(stateDirectory)) {
    if (options.removeState) rmSync(stateDirectory, { recursive: true, force: true });
    lines.push(
      options.removeState
        ? `removed its state ${stateDirectory}`
        : `kept its state ${stateDirectory}: the next shim takes it up again; --state removes it`,
    );
  }
  return { instance, lines };
}
