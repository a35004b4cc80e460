import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { filesSuite } from "../../testing/files-suite.ts";
import { DiskFiles } from "./disk-files.ts";

filesSuite("disk", async () => ({ files: new DiskFiles(), folder: await temporaryDirectory() }));

test("modes are as asked for, whatever the umask and the old file", async () => {
  const folder = await temporaryDirectory();
  const files = new DiskFiles();
  const path = join(folder, "sub/deep/file");
  await files.write(path, "a", { mode: 0o600, folderMode: 0o700 });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "sub"))).mode & 0o777).toBe(0o700);
  await chmod(path, 0o666);
  await files.write(path, "b", { mode: 0o644 });
  expect((await stat(path)).mode & 0o777).toBe(0o644);
});

test("the temporary file is in the same folder, has the mode already, and is gone after a failure", async () => {
  const folder = await temporaryDirectory();
  const files = new DiskFiles();
  const staged = await files.stage(join(folder, "key.pem"), "secret", { mode: 0o600 });
  const [name = ""] = await readdir(folder);
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  await mkdir(join(folder, "key.pem"));
  await expect(staged.commit()).rejects.toMatchObject({ code: "storage-failed" });
  expect(await readdir(folder)).toEqual(["key.pem"]);
});

test("a path below a file is an error that names it", async () => {
  const folder = await temporaryDirectory();
  await writeFile(join(folder, "file"), "");
  await expect(new DiskFiles().write(join(folder, "file/x"), "", { mode: 0o600 })).rejects.toThrow(/file\/x: ENOTDIR/);
});

const oddities: [string, (path: string) => Promise<unknown>][] = [
  ["a folder", (path) => mkdir(path)],
  ["a FIFO nobody writes into", async (path) => execFileSync("mkfifo", [path])],
  ["a link to an endless device", (path) => symlink("/dev/zero", path)],
];

test.for(oddities)("%s in the place of a file is an error, and nothing waits for it", async ([, make]) => {
  const path = join(await temporaryDirectory(), "haproxy.cfg");
  await make(path);
  const refused = { code: "storage-failed", message: `${path}: not a regular file` };
  await expect(new DiskFiles().read(path)).rejects.toMatchObject(refused);
});

test("a socket is removed as one", async () => {
  const folder = await temporaryDirectory();
  const path = join(folder, "s.sock");
  const server = createServer();
  server.listen({ path });
  await once(server, "listening");
  onTestFinished(() => void server.close());
  await new DiskFiles().removeSocket(path);
  expect(await readdir(folder)).toEqual([]);
});

test("of a linked folder only the link is removed", async () => {
  const folder = await temporaryDirectory();
  const files = new DiskFiles();
  await files.write(join(folder, "elsewhere/precious"), "p", { mode: 0o600 });
  await symlink(join(folder, "elsewhere"), join(folder, "linked"));
  await files.removeFolder(join(folder, "linked"), ["haproxy.cfg"]);
  expect(await readdir(folder)).toEqual(["elsewhere"]);
  expect(await readdir(join(folder, "elsewhere"))).toEqual(["precious"]);
});

test("only our own leftovers go", async () => {
  const folder = await temporaryDirectory();
  const files = new DiskFiles();
  await files.stage(join(folder, "a"), "half", { mode: 0o600 });
  for (const name of [".a.krater-tmp", "a.0123456789ab.krater-tmp", ".a.0123456789ab.tmp", "a.new"]) {
    await writeFile(join(folder, name), "");
  }
  await files.removeLeftovers(folder);
  expect(await readdir(folder)).toEqual([".a.0123456789ab.tmp", ".a.krater-tmp", "a.0123456789ab.krater-tmp", "a.new"]);
  expect(await readFile(join(folder, "a.new"), "utf8")).toBe("");
});
