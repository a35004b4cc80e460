import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "./processes.ts";

/**
 * Which shim runs an instance on this machine: two of one name would fight over the same namespaces, and `krater clean`
 * must not take a living one's away. It stays when the shim stops, as its amphorae do: `krater clean` reads where they
 * are. In /run: no amphora outlives the machine's boot.
 */
export interface InstanceRecord {
  instance: string;
  shim: ProcessIdentity;
  stateDirectory: string;
  apiUrl: string;
}

function instanceRecordPath(instance: string): string {
  return `/run/krater/${instance}.json`;
}

export function readInstanceRecord(instance: string): InstanceRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(instanceRecordPath(instance), "utf8")) as InstanceRecord;
    return typeof record.shim?.pid === "number" && typeof record.stateDirectory === "string" ? record : undefined;
  } catch {
    return undefined; // none, or one that a crash left half
  }
}

/** The record of a shim that is alive. */
export function livingShimOf(instance: string): InstanceRecord | undefined {
  const record = readInstanceRecord(instance);
  return record && isAlive(record.shim) ? record : undefined;
}

/** Throws when another shim of this name is alive. */
export function claimInstance(record: Omit<InstanceRecord, "shim">): void {
  const other = livingShimOf(record.instance);
  if (other && other.shim.pid !== process.pid) {
    throw new Error(
      `instance ${record.instance} is run by another shim (pid ${other.shim.pid}, API ${other.apiUrl}): stop it, or set another instance name`,
    );
  }
  const shim = identify(process.pid);
  if (!shim) throw new Error("/proc is not mounted: processes cannot be told apart");
  const path = instanceRecordPath(record.instance);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify({ ...record, shim })}\n`, { mode: 0o644 });
  renameSync(`${path}.${process.pid}`, path);
}

/** Fine when there is none. */
export function forgetInstance(instance: string): void {
  const path = instanceRecordPath(instance);
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // other instances have theirs there
  }
}
