import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "./processes.ts";

/** Told in one line, and the shim does not start. */
export class CannotStart extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CannotStart";
  }
}

/**
 * Takes the state folder for this process: two shims over one folder would undo each other's work. The lock is a file
 * with pid and start time, made by a hard link (whole or not at all); that of a process that is no more is replaced.
 */
export function lockStateDirectory(folder: string): () => void {
  const path = join(folder, "shim.lock");
  const self = identify(process.pid);
  if (!self) throw new CannotStart("/proc is not mounted: processes cannot be told apart");
  try {
    makeFolder(folder);
    const mine = `${path}.${process.pid}`;
    writeFileSync(mine, JSON.stringify(self), { mode: 0o600 });
    try {
      for (let tries = 0; !tryLink(mine, path); tries++) {
        const owner = readOwner(path);
        if (owner && isAlive(owner)) {
          throw new CannotStart(
            `another shim (pid ${owner.pid}) uses the state folder ${folder}: stop it, or set another state_directory and instance`,
          );
        }
        if (tries === 5) throw new CannotStart(`the lock ${path} changes hands all the time`);
        removeStale(path, owner);
      }
    } finally {
      rmSync(mine, { force: true });
    }
  } catch (error) {
    if (error instanceof CannotStart) throw error;
    throw new CannotStart(`the state folder ${folder} cannot be used: ${(error as Error).message}`, { cause: error });
  }
  return () => {
    const owner = readOwner(path);
    if (owner && owner.pid === self.pid && owner.startTime === self.startTime) rmSync(path, { force: true });
  };
}

/** One by one: Node's own recursive mkdir never ends where a file system answers ENOENT, as /proc does. */
function makeFolder(folder: string): void {
  if (exists(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The secret heartbeats are signed with: made once for an installation, readable by its owner only. */
export function heartbeatKeyIn(folder: string): string {
  const path = join(folder, "heartbeat.key");
  const mine = `${path}.${process.pid}`;
  if (!exists(path)) {
    writeFileSync(mine, randomBytes(32).toString("hex"), { mode: 0o600, flush: true });
    tryLink(mine, path);
    rmSync(mine, { force: true });
  }
  const key = readFileSync(path, "utf8").trim();
  if (!/^[0-9a-f]{64}$/.test(key)) throw new CannotStart(`${path} holds no heartbeat key: remove it, or restore it`);
  return key;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Another process may have done so and taken the lock in between: what is removed must be what was looked at. */
function removeStale(path: string, looked: ProcessIdentity | undefined): void {
  const now = readOwner(path);
  if (now?.pid === looked?.pid && now?.startTime === looked?.startTime) rmSync(path, { force: true });
}

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    if (typeof value.pid !== "number" || typeof value.startTime !== "string") return undefined;
    return { pid: value.pid, startTime: value.startTime };
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
