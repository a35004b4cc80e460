import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../../test/harness/temporary-directory.ts";
import { Cgroups, parseCgroupLayout } from "./cgroups.ts";

const limits = { memoryMaxBytes: 1024, processesMax: 7 };

test.for([
  { name: "no control groups", mountinfo: "22 27 0:21 / /proc rw - proc proc rw\n", want: {} },
  {
    name: "version 2 alone",
    mountinfo: "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
    want: { unified: "/sys/fs/cgroup" },
  },
  {
    name: "version 1 with version 2 beside it",
    mountinfo: `35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:3 master:1 - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
    want: {
      memoryV1: "/sys/fs/cgroup/memory",
      pidsV1: "/sys/fs/cgroup/pids",
      unified: "/sys/fs/cgroup/unified",
    },
  },
  {
    name: "controllers that share a hierarchy, at a path with a space",
    mountinfo: "35 31 0:32 / /cg/all\\040of\\040it rw - cgroup cgroup rw,cpu,memory,pids\n",
    want: { memoryV1: "/cg/all of it", pidsV1: "/cg/all of it" },
  },
])("$name", ({ mountinfo, want }) => {
  expect(parseCgroupLayout(mountinfo)).toEqual({ memoryV1: undefined, pidsV1: undefined, unified: undefined, ...want });
});

test("without control groups an amphora runs, and it is said that nothing limits it", async () => {
  const cgroups = new Cgroups(parseCgroupLayout(""), "krater");
  expect(await cgroups.ensure("0123abcd", limits)).toEqual({
    processFiles: [],
    problems: ["no control groups are mounted"],
  });
  expect(await cgroups.processes("0123abcd")).toEqual([]);
  await cgroups.kill("0123abcd");
  expect(await cgroups.remove("0123abcd")).toBe(true);
});

test("where limits cannot be set every one of them is named, and the amphora still has its group", async () => {
  const unified = await temporaryDirectory(); // files the kernel would have made are missing
  await mkdir(join(unified, "krater/0123abcd"), { recursive: true });
  await writeFile(join(unified, "krater/0123abcd/cgroup.procs"), "");
  const { processFiles, problems } = await new Cgroups(
    { memoryV1: undefined, pidsV1: undefined, unified },
    "krater",
  ).ensure("0123abcd", limits);
  expect(processFiles).toEqual([join(unified, "krater/0123abcd/cgroup.procs")]);
  expect(problems.map((problem) => problem.split(":")[0])).toEqual(["memory limit", "pids limit"]);
});

test("version 2 hands the controllers down to the amphora's group, then limits it", async () => {
  const unified = await temporaryDirectory();
  const group = join(unified, "krater/0123abcd");
  await mkdir(group, { recursive: true });
  for (const folder of [unified, join(unified, "krater")])
    await writeFile(join(folder, "cgroup.subtree_control"), "cpu\n");
  for (const file of ["cgroup.procs", "memory.max", "pids.max"]) await writeFile(join(group, file), "");
  const cgroups = new Cgroups({ memoryV1: undefined, pidsV1: undefined, unified }, "krater");
  expect((await cgroups.ensure("0123abcd", limits)).problems).toEqual([]);
  expect(await readFile(join(group, "memory.max"), "utf8")).toBe("1024");
  expect(await readFile(join(group, "pids.max"), "utf8")).toBe("7");
  for (const folder of [unified, join(unified, "krater")]) {
    expect(await readFile(join(folder, "cgroup.subtree_control"), "utf8")).toMatch(/^\+(memory|pids)/);
  }
  expect(await cgroups.list()).toEqual(["0123abcd"]);
});
