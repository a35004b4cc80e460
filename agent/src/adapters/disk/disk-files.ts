import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError } from "../../core/agent-error.ts";
import type { Files, StagedFile, WriteOptions } from "../../core/system/files.ts";

/** Names of files on their way; nobody else uses this suffix. */
const TEMPORARY = /^\..+\.[0-9a-f]{12}\.krater-tmp$/;

/** Files written whole: a crash at any moment leaves the old one or the new one. */
export class DiskFiles implements Files {
  async read(path: string): Promise<Buffer | undefined> {
    try {
      // Without waiting: opening a FIFO would last until somebody writes into it.
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        if (!(await file.stat()).isFile()) throw new AgentError("storage-failed", `${path}: not a regular file`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (error instanceof AgentError) throw error;
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw storageFailed(path, error);
    }
  }

  async write(path: string, content: Buffer | string, options: WriteOptions): Promise<void> {
    const staged = await this.stage(path, content, options);
    await staged.commit();
  }

  async stage(path: string, content: Buffer | string, options: WriteOptions): Promise<StagedFile> {
    const { mode, folderMode = 0o755, durable = true } = options;
    const folder = dirname(path);
    const temporary = join(folder, `.${path.slice(folder.length + 1)}.${randomBytes(6).toString("hex")}.krater-tmp`);
    try {
      await this.#writeTemporary(temporary, content, { mode, folder, folderMode, durable });
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw storageFailed(path, error);
    }
    return {
      commit: async () => {
        try {
          await rename(temporary, path);
          if (durable) await syncFolder(folder);
        } catch (error) {
          await unlink(temporary).catch(() => undefined);
          throw storageFailed(path, error);
        }
      },
      discard: () => unlink(temporary).catch(() => undefined),
    };
  }

  async remove(path: string): Promise<void> {
    try {
      await rm(path, { force: true });
    } catch (error) {
      if (codeOf(error) === "ENOTDIR") return;
      throw storageFailed(path, error);
    }
  }

  async removeSocket(path: string): Promise<void> {
    const seen = await lstat(path).catch(() => undefined);
    if (seen?.isSocket() === true) await this.remove(path);
  }

  async removeFolder(path: string, last: readonly string[] = []): Promise<void> {
    try {
      // Of a link only the link goes: where it leads is not ours.
      const names = (await isLink(path)) ? [] : await this.list(path);
      for (const name of names.filter((each) => !last.includes(each))) {
        await rm(join(path, name), { recursive: true, force: true });
      }
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw storageFailed(path, error);
    }
  }

  async list(path: string): Promise<string[]> {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      // A link that leads to itself is no folder either.
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) return [];
      throw storageFailed(path, error);
    }
  }

  async removeLeftovers(folder: string): Promise<void> {
    for (const name of (await this.list(folder)).filter((each) => TEMPORARY.test(each))) {
      await this.remove(join(folder, name));
    }
  }

  async #writeTemporary(
    temporary: string,
    content: Buffer | string,
    options: { mode: number; folder: string; folderMode: number; durable: boolean },
  ): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(temporary, "wx", options.mode);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      const created = await mkdir(options.folder, { recursive: true, mode: options.folderMode });
      if (created !== undefined && options.durable) await syncFolder(dirname(created));
      file = await open(temporary, "wx", options.mode);
    }
    try {
      await file.chmod(options.mode); // whatever the umask
      await file.writeFile(content);
      if (options.durable) await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function isLink(path: string): Promise<boolean> {
  const seen = await lstat(path).catch(() => undefined);
  return seen?.isSymbolicLink() === true;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function storageFailed(path: string, error: unknown): AgentError {
  const code = codeOf(error) ?? "error";
  const what = { ENOSPC: "the disk is full", EDQUOT: "the disk quota is used up", EROFS: "the disk is read-only" }[
    code
  ];
  return new AgentError("storage-failed", `${path}: ${what ?? code}`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
