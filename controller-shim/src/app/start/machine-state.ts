import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine, findProcesses, hasEnvironment, isInCgroup, networkNamespaceOf } from "../processes.ts";
import { must, run } from "./programs.ts";
import { RUN_ID_VARIABLE } from "./run-ledger.ts";

/** What a run of the main job could leave behind, each thing by a name a person can look for. */
export type MachineState = Record<
  "network namespace" | "link" | "process" | "cgroup" | "mount" | "file" | "nftables table" | "setting",
  string[]
>;

const LEG = /^[0-9a-f]{8}[0-9a-z]$/;
const SETTINGS = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

/**
 * Looks only at what can be of this instance, by name, cgroup or run id: other work on the same machine comes and goes
 * at the same time and is no concern of ours. Settings of the whole machine are looked at as they are.
 */
export async function readMachineState(of: {
  instance: string;
  stateFolder: string;
  runId: string;
}): Promise<MachineState> {
  const { instance, stateFolder, runId } = of;
  const isOurs = (name: string) => name === instance || name.startsWith(`${instance}-`);
  const links = (JSON.parse(await must("ip", "-json", "link", "show")) as { ifname: string }[]).map((l) => l.ifname);
  const tables = await run("nft", ["list", "tables"]).catch(() => undefined);
  const processes = findProcesses(
    (pid) => hasEnvironment(pid, `${RUN_ID_VARIABLE}=${runId}`) || isInCgroup(pid, instance),
  );
  const namespaces = listFolder("/run/netns");
  return {
    "network namespace": namespaces.filter(isOurs),
    // Amphorae's legs carry no dash: a link's name has room for 15 characters.
    link: links.filter((name) => isOurs(name) || (name.startsWith(instance) && LEG.test(name.slice(instance.length)))),
    process: processes.map(({ pid }) => `${pid} ${commandLine(pid).slice(0, 100)} ${networkNamespaceOf(pid) ?? ""}`),
    cgroup: cgroupsOf(instance),
    mount: readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((path) => path.startsWith(`${stateFolder}/`) || path.split("/").some(isOurs)),
    file: [
      ...(existsSync(stateFolder) ? [stateFolder] : []),
      ...listFolder("/run")
        .filter((name) => isOurs(name) || name.startsWith(`krater-${instance}.`))
        .map((name) => `/run/${name}`),
      ...listFolder("/run/krater")
        .filter((name) => isOurs(name.replace(/\.[a-z]+$/, "")))
        .map((name) => `/run/krater/${name}`),
    ],
    "nftables table": (tables?.stdout ?? "").split("\n").filter((line) => line.includes(instance)),
    setting: SETTINGS.flatMap((name) => {
      const path = join("/proc/sys", name);
      return existsSync(path) ? [`${name} = ${readFileSync(path, "utf8").trim()}`] : [];
    }),
  };
}

/** One line for each thing that is there now and was not before, or the other way round for settings. */
export function compareMachineStates(before: MachineState, after: MachineState): string[] {
  return Object.keys(after).flatMap((kind) => {
    const known = new Set(before[kind as keyof MachineState]);
    return after[kind as keyof MachineState].filter((each) => !known.has(each)).map((each) => `${kind}: ${each}`);
  });
}

/** Folders of the instance below the root of every hierarchy: one in v2, one per controller in v1. */
function cgroupsOf(instance: string): string[] {
  const root = "/sys/fs/cgroup";
  const hierarchies = [root, ...listFolder(root).map((name) => join(root, name))];
  return hierarchies.map((folder) => join(folder, instance)).filter((folder) => existsSync(folder));
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
