import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { CounterFile } from "./counter-file.ts";

const NAME = "stats_counters.json";

test("a missing file is no content", async () => {
  const base = await temporaryDirectory();
  expect(await new CounterFile(base).read()).toBeUndefined();
});

test("a file of absurd size is not read", async () => {
  const base = await temporaryDirectory();
  await writeFile(join(base, NAME), Buffer.alloc(5 * 1024 * 1024));
  expect(await new CounterFile(base).read()).toBeUndefined();
});

test("a folder in its place is an error, for reading and for writing, and nothing is left behind", async () => {
  const base = await temporaryDirectory();
  await mkdir(join(base, NAME));
  const file = new CounterFile(base);
  await expect(file.read()).rejects.toThrow();
  await expect(file.write("{}")).rejects.toThrow();
  expect(await file.write("{}").catch(() => "rejected")).toBe("rejected");
});

test("writing without the folder is an error", async () => {
  await expect(new CounterFile("/nonexistent/base").write("{}")).rejects.toThrow(/ENOENT/);
});

test("what is written is read, replaces what was there, may be read by the group, and is the only file", async () => {
  const base = await temporaryDirectory();
  const file = new CounterFile(base);
  await file.write('{"a":1,"long":"longer than the next"}');
  await file.write('{"b":2}');
  expect(await file.read()).toBe('{"b":2}');
  expect((await stat(join(base, NAME))).mode & 0o777).toBe(0o640);
  expect(await readdir(base)).toEqual([NAME]);
});

test("leftovers of a crash between writing and naming do no harm", async () => {
  const base = await temporaryDirectory();
  await writeFile(join(base, `${NAME}.new`), "half of something much longer than what follows");
  await new CounterFile(base).write("{}");
  expect(await readFile(join(base, NAME), "utf8")).toBe("{}");
});

test("a reader sees old or new, never half, while it is written over and over", async () => {
  const base = await temporaryDirectory();
  const file = new CounterFile(base);
  const versions = ["a", "b"].map((letter) => JSON.stringify({ [letter]: letter.repeat(50_000) }));
  await file.write(versions[0] ?? "");
  const writing = (async () => {
    for (let n = 1; n < 60; n++) await file.write(versions[n % 2] ?? "");
  })();
  for (let n = 0; n < 60; n++) expect(versions).toContain(await file.read());
  await writing;
});
