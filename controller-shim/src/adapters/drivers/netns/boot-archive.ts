import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { BOOT_DIRECTORY } from "../../../core/drivers/amphora-paths.ts";
import type { BootFile } from "../../../core/drivers/compute-driver.ts";
import { DriverError } from "../../../core/drivers/driver-error.ts";

/** Last in the archive: where it is there, everything before it is, too. */
export const BOOT_MARK = `${BOOT_DIRECTORY}/.complete`;

/** The boot files as a tar stream, for an init's standard input: secrets pass through memory alone. */
export async function packBootFiles(files: readonly BootFile[]): Promise<Buffer> {
  const archive = pack();
  for (const file of [...files, { path: BOOT_MARK, mode: 0o600, content: "" }]) {
    if (posix.normalize(file.path) !== file.path || !file.path.startsWith(`${BOOT_DIRECTORY}/`)) {
      throw new DriverError("other", `the boot file ${file.path} is not below ${BOOT_DIRECTORY}, which is in RAM`);
    }
    archive.entry({ name: file.path.slice(1), mode: file.mode, mtime: new Date() }, file.content);
  }
  archive.finalize();
  return buffer(archive);
}
