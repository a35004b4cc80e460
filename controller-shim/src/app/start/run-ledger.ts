import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "../processes.ts";

/**
 * What one run of the main job has started, written down so that a later run can end it: SIGKILL leaves no chance to.
 * The state folder itself is the lock: it appears whole, by one rename, with the ledger in it.
 */
export interface RunRecord {
  instance: string;
  /** Every process of the run carries `KRATER_RUN=<runId>` in its environment: also those not yet written down. */
  runId: string;
  owner: ProcessIdentity;
  startedAt: string;
  apiUrl: string;
  processes: ({ role: string } & ProcessIdentity)[];
}

export const RUN_ID_VARIABLE = "KRATER_RUN";

export class RunLedger {
  readonly folder: string;
  readonly #record: RunRecord;

  private constructor(folder: string, record: RunRecord) {
    this.folder = folder;
    this.#record = record;
  }

  /** Undefined when another run, alive or dead, has left its folder: look at `readRunRecord` and clean first. */
  static claim(folder: string, record: Omit<RunRecord, "owner" | "startedAt" | "processes">): RunLedger | undefined {
    const owner = identify(process.pid);
    if (!owner) throw new Error("/proc is not mounted: processes cannot be told apart");
    const ledger = new RunLedger(folder, { ...record, owner, startedAt: new Date().toISOString(), processes: [] });
    const draft = `${folder}.new-${process.pid}`;
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    writeFileSync(join(draft, "run.json"), ledger.#text());
    try {
      renameSync(draft, folder);
      return ledger;
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
      throw error;
    }
  }

  get runId(): string {
    return this.#record.runId;
  }

  /** Call it right after the start; a process that has ended already is not written down. */
  add(role: string, pid: number): ProcessIdentity | undefined {
    const identity = identify(pid);
    if (identity) this.#record.processes.push({ role, ...identity });
    this.#save();
    return identity;
  }

  remove(pid: number): void {
    this.#record.processes = this.#record.processes.filter((each) => each.pid !== pid);
    this.#save();
  }

  #save(): void {
    const draft = join(this.folder, "run.json.new");
    writeFileSync(draft, this.#text());
    renameSync(draft, join(this.folder, "run.json"));
  }

  #text(): string {
    return `${JSON.stringify(this.#record, null, 2)}\n`;
  }
}

/** Undefined when there is none, or one that nobody can read: then nobody owns the folder. */
export function readRunRecord(folder: string): RunRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunRecord;
    return typeof record.runId === "string" && Array.isArray(record.processes) ? record : undefined;
  } catch {
    return undefined;
  }
}

export function isRunning(record: RunRecord): boolean {
  return isAlive(record.owner);
}

/** Drafts of runs that were killed between making their folder and naming it. */
export function removeDeadDrafts(folder: string): void {
  const prefix = `${basename(folder)}.new-`;
  for (const name of readdirSync(dirname(folder)).filter((each) => each.startsWith(prefix))) {
    if (!identify(Number(name.slice(prefix.length)))) {
      rmSync(join(dirname(folder), name), { recursive: true, force: true });
    }
  }
}
