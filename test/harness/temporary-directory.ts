import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder of the running test's own, gone when the test is. Short: unix socket paths end at 107 bytes. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "kt-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
