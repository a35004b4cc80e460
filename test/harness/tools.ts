import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { test } from "vitest";

/** True when the program is on the path. In CI a missing tool is a failure; elsewhere its tests skip, loudly. */
export function hasTool(name: string): boolean {
  const found = (process.env["PATH"] ?? "").split(delimiter).some((folder) => isExecutable(join(folder, name)));
  if (!found && process.env["CI"] === "true")
    throw new Error(`${name} is missing: npm test installs it, run that first`);
  if (!found) console.warn(`SKIPPED: ${name} is not installed; run npm test once as root to install it`);
  return found;
}

/** Captured inputs of a real Octavia, beside the checkout and not part of it. */
export const sharedFixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
export const hasSharedFixtures = existsSync(sharedFixtures);
if (!hasSharedFixtures) console.warn(`SKIPPED: no fixtures beside the checkout (${sharedFixtures})`);

export const testWithFixtures = test.skipIf(!hasSharedFixtures);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
