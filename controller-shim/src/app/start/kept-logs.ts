import { copyFileSync, mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DemoSettings } from "./settings.ts";

const FILE_BYTES_MAX = 8 * 2 ** 20;

/** Copies the logs of a failed run out of the folder that is about to go. Only logs: keys live there too. */
export function keepLogs(settings: Pick<DemoSettings, "instance" | "stateFolder">): string {
  const kept = mkdtempSync(join(tmpdir(), `krater-${settings.instance}-logs-`));
  for (const name of readdirSync(settings.stateFolder, { recursive: true, encoding: "utf8" })) {
    const source = join(settings.stateFolder, name);
    if (!name.endsWith(".log")) continue;
    const facts = statSync(source, { throwIfNoEntry: false });
    if (facts?.isFile() && facts.size <= FILE_BYTES_MAX) copyFileSync(source, join(kept, name.replaceAll("/", "-")));
  }
  return kept;
}
