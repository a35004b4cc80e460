import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { DiskFiles } from "./disk-files.ts";

const ROUNDS = 12;

test("SIGKILL at any moment of a write leaves the old file or the new one, and leftovers that go", async () => {
  const folder = await temporaryDirectory();
  const path = join(folder, "file");
  const writer = `
    const { DiskFiles } = await import(${JSON.stringify(join(import.meta.dirname, "disk-files.ts"))});
    const files = new DiskFiles();
    process.stdout.write("go");
    for (let n = 0; ; n++) await files.write(${JSON.stringify(path)}, String(n % 10).repeat(300_000), { mode: 0o600 });`;
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", writer], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await sleep(3 + Math.random() * 15); // the moment is what this test varies
    child.kill("SIGKILL");
    await once(child, "exit");
    const content = await readFile(path, "latin1").catch(() => "");
    if (content !== "") expect(content).toBe(content.charAt(0).repeat(300_000));
    await new DiskFiles().removeLeftovers(folder);
    expect((await readdir(folder)).filter((name) => name !== "file")).toEqual([]);
  }
});
