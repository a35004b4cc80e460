import { AgentError } from "../core/agent-error.ts";
import type { Files, StagedFile, WriteOptions } from "../core/system/files.ts";

/** Files in memory; folders exist as long as something is in them. */
export class FakeFiles implements Files {
  readonly #content = new Map<string, Buffer>();
  readonly #modes = new Map<string, number>();
  #staged = 0;
  /** Set: every write fails as a full disk does. */
  full = false;

  async read(path: string): Promise<Buffer | undefined> {
    return this.#content.get(path);
  }

  async write(path: string, content: Buffer | string, options: WriteOptions): Promise<void> {
    await (await this.stage(path, content, options)).commit();
  }

  async stage(path: string, content: Buffer | string, options: WriteOptions): Promise<StagedFile> {
    if (this.full) {
      const cause = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      throw new AgentError("storage-failed", `${path}: the disk is full`, { cause });
    }
    const cut = path.lastIndexOf("/");
    const temporary = `${path.slice(0, cut)}/.${path.slice(cut + 1)}.${++this.#staged}.krater-tmp`;
    this.#content.set(temporary, Buffer.from(content));
    return {
      commit: async () => {
        this.#content.set(path, Buffer.from(content));
        this.#modes.set(path, options.mode);
        this.#content.delete(temporary);
      },
      discard: async () => void this.#content.delete(temporary),
    };
  }

  async remove(path: string): Promise<void> {
    this.#content.delete(path);
  }

  /** There are none in memory. */
  async removeSocket(): Promise<void> {}

  async removeFolder(path: string): Promise<void> {
    for (const each of [...this.#content.keys()].filter((name) => name.startsWith(`${path}/`))) {
      this.#content.delete(each);
    }
  }

  async list(path: string): Promise<string[]> {
    const below = [...this.#content.keys()].filter((name) => name.startsWith(`${path}/`));
    const names = below.map((name) => name.slice(path.length + 1).split("/")[0] ?? "");
    return [...new Set(names)].sort();
  }

  async removeLeftovers(folder: string): Promise<void> {
    for (const name of (await this.list(folder)).filter((each) => each.endsWith(".krater-tmp"))) {
      this.#content.delete(`${folder}/${name}`);
    }
  }

  modeOf(path: string): number | undefined {
    return this.#modes.get(path);
  }
}
