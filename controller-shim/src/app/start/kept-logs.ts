import { copyFileSync, mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DemoSettings } from "./settings.ts";

const FILE_BYTES_MAX = 8 * 2 ** 20;

/**
 * Copies the logs of a failed run out of the folder that is about to go, and says where to. Only logs: keys live there
 * too. Undefined when nothing has been logged yet.
 */
export function keepLogs(settings: Pick<DemoSettings, "instance" | "stateFolder">): string | undefined {
  const logs = readdirSync(settings.stateFolder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const facts = statSync(join(settings.stateFolder, name), { throwIfNoEntry: false });
    return name.endsWith(".log") && facts?.isFile() && facts.size > 0 && facts.size <= FILE_BYTES_MAX;
  });
  if (logs.length === 0) return undefined;
  const kept = mkdtempSync(join(tmpdir(), `krater-${settings.instance}-logs-`));
  for (const name of logs) copyFileSync(join(settings.stateFolder, name), join(kept, name.replaceAll("/", "-")));
  return kept;
}
