import { open, readFile, rename, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

/** The init of one amphora as the machine knows it: a pid alone may be somebody else's by now. */
export interface InitProcess {
  pid: number;
  /** Clock ticks since the machine's start (proc(5), field 22 of stat). */
  startTime: string;
}

const LOG_LIMIT_BYTES = 5 * 2 ** 20;

/** The init that wrote this folder's pid file, if it still runs. */
export async function findInit(folder: string): Promise<InitProcess | undefined> {
  const text = await readFile(join(folder, "init.pid"), "utf8").catch(() => "");
  const [, pid = "", startTime = ""] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
  const init = { pid: Number(pid), startTime };
  return init.pid > 1 && (await startTimeOf(init.pid)) === startTime ? init : undefined;
}

export async function isRunning(pid: number): Promise<boolean> {
  return (await startTimeOf(pid)) !== undefined;
}

export function killProcess(pid: number): void {
  if (pid === process.pid) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The log an init writes to, and its size so far; the one before is kept when it had grown large. */
export async function openLog(folder: string): Promise<{ descriptor: number; size: number; close(): Promise<void> }> {
  const path = join(folder, "agent.log");
  if ((await sizeOf(path)) > LOG_LIMIT_BYTES) await rename(path, `${path}.1`);
  const file = await open(path, "a", 0o600);
  return { descriptor: file.fd, size: await sizeOf(path), close: () => file.close() };
}

/** For a log in use: its writer appends, so it goes on at the beginning. */
export async function boundLog(folder: string): Promise<void> {
  const path = join(folder, "agent.log");
  if ((await sizeOf(path)) > LOG_LIMIT_BYTES) await truncate(path);
}

/** What the init itself said last, since the log had this size: why it ended. */
export async function lastWordsOf(folder: string, sinceByte: number): Promise<string> {
  const file = await open(join(folder, "agent.log"));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, sinceByte);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    return lines.findLast((line) => line.startsWith("init: "))?.slice("init: ".length) ?? "";
  } finally {
    await file.close();
  }
}

/** Undefined when there is no such process, or only what is left of one that has ended. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // from field 3 on
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (file) => file.size,
    () => 0,
  );
}
