/** Files of the machine, as the core needs them: every write is whole or did not happen. */
export interface Files {
  /** The whole file, or undefined when there is none. */
  read(path: string): Promise<Buffer | undefined>;

  /** Temporary file in the same folder, fsync, rename, fsync of the folder; the folder is created. */
  write(path: string, content: Buffer | string, options: WriteOptions): Promise<void>;

  /** As `write`, in two steps: the bytes are on the disk, `commit` gives them their name, `discard` forgets them. */
  stage(path: string, content: Buffer | string, options: WriteOptions): Promise<StagedFile>;

  /** Removing what is not there is fine. */
  remove(path: string): Promise<void>;

  /** Removes a unix socket; what is something else stays, and is no error. */
  removeSocket(path: string): Promise<void>;

  /** The folder and everything in it; names in `last` go last, so that a crash on the way leaves them. */
  removeFolder(path: string, last?: readonly string[]): Promise<void>;

  /** Names in a folder, sorted; none when there is no such folder. */
  list(path: string): Promise<string[]>;

  /** Removes what a crash between `stage` and `commit` left in a folder. */
  removeLeftovers(folder: string): Promise<void>;
}

export interface WriteOptions {
  mode: number;
  /** Of a folder that has to be created; 0755 unless told. */
  folderMode?: number;
  /** False: not worth an fsync (lost by a power failure, still never half-written for other processes). */
  durable?: boolean;
}

export interface StagedFile {
  commit(): Promise<void>;
  discard(): Promise<void>;
}
