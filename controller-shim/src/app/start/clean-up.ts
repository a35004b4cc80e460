import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { forgetInstance } from "../instance-record.ts";
import { endProcess, findProcesses, hasEnvironment, networkNamespaceOf, type ProcessIdentity } from "../processes.ts";
import { destroyMachines } from "./destroy-machines.ts";
import { run } from "./programs.ts";
import { RUN_ID_VARIABLE, readRunRecord, removeDeadDrafts } from "./run-ledger.ts";

const DESTROY_SECONDS = 20;

/**
 * Removes what a run of the main job made, its own or a dead one's: processes by recorded pid and start time (and by
 * run id, for those started an instant before the end), member namespaces, then everything the compute driver knows of
 * the instance, last the folder with the record: a clean-up that is killed is repeated by the next.
 */
export async function cleanUp(
  instance: string,
  folders: { stateFolder: string; shimStateDirectory: string },
): Promise<void> {
  const { stateFolder, shimStateDirectory } = folders;
  const record = readRunRecord(stateFolder);
  const named = (role: RegExp) => (record?.processes ?? []).filter((each) => role.test(each.role));
  // The shim first: it would repair what we take away.
  await endAll(named(/^shim$/), 5_000);
  await endAll(named(/./), 1_000);
  await removeMembers(instance);
  await destroyMachines(instance, shimStateDirectory, AbortSignal.timeout(DESTROY_SECONDS * 1_000));
  if (record) await endAll(processesOfRun(record.runId), 0);
  if (existsSync(stateFolder)) {
    await unmountBelow(stateFolder);
    rmSync(stateFolder, { recursive: true, force: true });
  }
  removeDeadDrafts(stateFolder);
  forgetInstance(instance);
}

function processesOfRun(runId: string): ProcessIdentity[] {
  return findProcesses((pid) => hasEnvironment(pid, `${RUN_ID_VARIABLE}=${runId}`));
}

async function endAll(processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  const ended = await Promise.all(processes.map((each) => endProcess(each, graceMs)));
  const stuck = processes.filter((_, index) => !ended[index]);
  if (stuck.length > 0) throw new Error(`processes that do not end: ${stuck.map((each) => each.pid).join(", ")}`);
}

/** `<instance>-m1`... and the processes in them, recorded or not; amphorae are named by hexadecimal ids. */
async function removeMembers(instance: string): Promise<void> {
  const isMember = (name: string) => name.startsWith(`${instance}-m`) && /^\d+$/.test(name.slice(instance.length + 2));
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns").filter(isMember) : [];
  for (const name of namespaces) {
    const inode = statSync(`/run/netns/${name}`, { throwIfNoEntry: false })?.ino;
    await endAll(
      findProcesses((pid) => networkNamespaceOf(pid) === `net:[${inode}]`),
      0,
    );
    // The kernel takes the far end away a moment later, and the near end with it: both at once by naming the near one.
    await run("ip", ["link", "delete", name]);
    await run("ip", ["netns", "delete", name]);
  }
  const links = JSON.parse((await run("ip", ["-json", "link", "show"])).stdout || "[]") as { ifname: string }[];
  for (const { ifname } of links.filter((link) => isMember(link.ifname))) await run("ip", ["link", "delete", ifname]);
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  // Deepest first.
  for (const path of mounts.sort().reverse()) await run("umount", ["--lazy", path]);
}
