import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestMachine } from "../harness/main-job.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

test.for([
  { moment: "bundling the agent", signal: "SIGINT" },
  { moment: "starting the controller shim", signal: "SIGTERM" },
  { moment: "creating load balancer", signal: "SIGINT" },
  { moment: "creating listener", signal: "SIGTERM" },
  { moment: "adding member m2", signal: "SIGINT" },
  { moment: "requests/s", signal: "SIGTERM" },
] as const)('$signal at "$moment" leaves nothing behind', async ({ moment, signal }) => {
  const machine = await createTestMachine();
  const start = machine.launch("start.ts", ["--instance", machine.instance]);
  await start.says(moment);
  start.process.kill(signal);
  const { code, output } = await start.ended();
  expect(output).toContain("nothing is left");
  expect(code).toBe(0);
  expect(machine.leftovers()).toEqual([]);
});

test("after SIGKILL the next start removes what is left, and starts", async () => {
  const machine = await createTestMachine();
  const killed = machine.launch("start.ts", ["--instance", machine.instance]);
  await killed.says("adding member m2");
  killed.process.kill("SIGKILL");
  await killed.ended();
  expect(machine.leftovers()).not.toEqual([]);

  const next = machine.launch("start.ts", ["--instance", machine.instance]);
  await next.says("an earlier run was killed");
  await next.says("requests/s");
  next.process.kill("SIGINT");
  expect((await next.ended()).code).toBe(0);
  expect(machine.leftovers()).toEqual([]);
});

test("after SIGKILL krater clean removes what is left, a shim that still runs included", async () => {
  const machine = await createTestMachine();
  const killed = machine.launch("start.ts", ["--instance", machine.instance]);
  await killed.says("creating listener");
  killed.process.kill("SIGKILL");
  await killed.ended();
  const clean = await machine.launch("krater.ts", ["clean", "--instance", machine.instance]).ended();
  expect(clean).toMatchObject({ code: 0, output: expect.stringContaining("nothing of instance") });
  expect(machine.leftovers()).toEqual([]);
});

test("when nobody reads its output any more it ends and leaves nothing", async () => {
  const machine = await createTestMachine();
  const start = machine.launch("start.ts", ["--instance", machine.instance]);
  await start.says("creating load balancer");
  start.process.stdout?.destroy();
  start.process.stderr?.destroy();
  await start.ended();
  expect(machine.leftovers()).toEqual([]);
});

test("a second start of the same name is refused, and the first goes on", async () => {
  const machine = await createTestMachine();
  const first = machine.launch("start.ts", ["--instance", machine.instance]);
  await first.says("bundling");
  const second = await machine.launch("start.ts", ["--instance", machine.instance]).ended();
  expect(second).toMatchObject({ code: 1, output: expect.stringMatching(/another run of .* is alive \(pid \d+/) });
  const clean = await machine.launch("krater.ts", ["clean", "--instance", machine.instance]).ended();
  expect(clean).toMatchObject({ code: 1, output: expect.stringContaining("is alive") });
  await first.says("requests/s");
  first.process.kill("SIGTERM");
  expect((await first.ended()).code).toBe(0);
  expect(machine.leftovers()).toEqual([]);
});

test("not root: one line with the command to use", async () => {
  const machine = await createTestMachine();
  const { code, output } = await machine.launch("start.ts", ["--instance", machine.instance], { uid: 65_534 }).ended();
  expect(output).toBe("krater: npm start makes network namespaces and needs root: sudo npm start\n");
  expect(code).toBe(1);
});

test.for([
  { lacks: "bridge", words: "the kernel makes no bridges (Operation not supported): run  modprobe bridge" },
  { lacks: "veth", words: "the kernel makes no veth pairs (Operation not supported): run  modprobe veth" },
])("a kernel without $lacks: which module to load", async ({ lacks, words }) => {
  const folder = await temporaryDirectory();
  const ip = `#!/bin/sh\ncase "$*" in *"type ${lacks}"*) echo "RTNETLINK answers: Operation not supported" >&2; exit 2;; esac`;
  await writeFile(join(folder, "ip"), `${ip}\nPATH="\${PATH#*:}" exec ip "$@"\n`, { mode: 0o755 });
  const machine = await createTestMachine();
  const environment = { PATH: `${folder}:${process.env["PATH"]}` };
  const { code, output } = await machine.launch("start.ts", ["--instance", machine.instance], { environment }).ended();
  expect(output).toContain(words);
  expect(code).toBe(1);
});

test("a port that is taken: who has it, and which command helps", async () => {
  const machine = await createTestMachine();
  const holder = machine.launch("start.ts", ["--instance", machine.instance]);
  await holder.says("creating load balancer");
  const { code, output } = await machine.launch("start.ts", ["--instance", `${machine.instance.slice(0, 5)}x`]).ended();
  expect(output).toMatch(/port 19876 on 127.0.0.1 is taken by pid \d+ .*: npm start -- .*--port 19877/);
  expect(code).toBe(1);
  holder.process.kill("SIGTERM");
  expect((await holder.ended()).code).toBe(0);
});
