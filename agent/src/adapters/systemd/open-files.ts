import { readFileSync } from "node:fs";
import { hardLimit, type OpenFilesLimit, WANTED_OPEN_FILES } from "../../core/services/open-files.ts";

/** What `LimitNOFILE=` can really give: systemd cannot raise a limit above its own where it lacks the privilege. */
export class SystemdOpenFiles implements OpenFilesLimit {
  async limit(): Promise<number> {
    const ceiling = Number(readFileSync("/proc/sys/fs/nr_open", "latin1"));
    return Math.min(WANTED_OPEN_FILES, ceiling, hardLimit(readFileSync("/proc/1/limits", "latin1")));
  }
}
