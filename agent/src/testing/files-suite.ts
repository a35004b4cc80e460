import { expect, test } from "vitest";
import type { Files } from "../core/system/files.ts";

/** What every implementation of `Files` does. `folder` exists and is empty. */
export function filesSuite(name: string, make: () => Promise<{ files: Files; folder: string }>): void {
  const options = { mode: 0o600 };

  test(`${name}: what is not there reads as undefined, lists as nothing, and is removed without complaint`, async () => {
    const { files, folder } = await make();
    expect(await files.read(`${folder}/a`)).toBeUndefined();
    expect(await files.list(`${folder}/a`)).toEqual([]);
    await files.remove(`${folder}/a`);
    await files.removeFolder(`${folder}/a`);
  });

  test(`${name}: only a socket is removed as one`, async () => {
    const { files, folder } = await make();
    await files.write(`${folder}/a`, "precious", options);
    await files.removeSocket(`${folder}/a`);
    await files.removeSocket(`${folder}/b`);
    expect(await files.list(folder)).toEqual(["a"]);
  });

  test(`${name}: a write creates folders, replaces whole, and keeps any byte`, async () => {
    const { files, folder } = await make();
    const bytes = Buffer.from([0, 255, 10, 13]);
    await files.write(`${folder}/b/a`, "a long first text", options);
    await files.write(`${folder}/b/a`, bytes, options);
    expect(await files.read(`${folder}/b/a`)).toEqual(bytes);
    expect(await files.list(folder)).toEqual(["b"]);
  });

  test(`${name}: a staged file is not there until committed`, async () => {
    const { files, folder } = await make();
    await files.write(`${folder}/a`, "old", options);
    const staged = await files.stage(`${folder}/a`, "new", options);
    expect(String(await files.read(`${folder}/a`))).toBe("old");
    await staged.commit();
    expect(String(await files.read(`${folder}/a`))).toBe("new");
    expect(await files.list(folder)).toEqual(["a"]);
  });

  test(`${name}: a discarded file leaves the old one and nothing else`, async () => {
    const { files, folder } = await make();
    await files.write(`${folder}/a`, "old", options);
    await (await files.stage(`${folder}/a`, "new", options)).discard();
    expect(String(await files.read(`${folder}/a`))).toBe("old");
    expect(await files.list(folder)).toEqual(["a"]);
  });

  test(`${name}: names are listed in order; a folder goes with everything in it`, async () => {
    const { files, folder } = await make();
    for (const each of ["d/b", "d/a", "d/c/x"]) await files.write(`${folder}/${each}`, "", options);
    expect(await files.list(`${folder}/d`)).toEqual(["a", "b", "c"]);
    await files.removeFolder(`${folder}/d`, ["a"]);
    expect(await files.list(folder)).toEqual([]);
  });

  test(`${name}: what was staged and never committed is a leftover`, async () => {
    const { files, folder } = await make();
    await files.write(`${folder}/a`, "old", options);
    await files.stage(`${folder}/a`, "new", options);
    await files.removeLeftovers(folder);
    expect(await files.list(folder)).toEqual(["a"]);
  });
}
