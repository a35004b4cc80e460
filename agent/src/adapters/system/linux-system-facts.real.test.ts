import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createNamespace } from "../../../../test/harness/namespace.ts";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { IpNetnsCommand } from "../exec/ip-netns-command.ts";
import { NodePrograms } from "../exec/node-programs.ts";
import { LinuxSystemFacts } from "./linux-system-facts.ts";

function facts(changes: { namespace?: string; haproxy?: string; basePath?: string } = {}) {
  return new LinuxSystemFacts({
    programs: new NodePrograms(),
    namespace: new IpNetnsCommand(changes.namespace ?? ""),
    haproxy: changes.haproxy ?? "/usr/sbin/haproxy",
    basePath: changes.basePath ?? "/nonexistent",
  });
}

test("a haproxy that is not there is told, not guessed", async () => {
  await expect(facts({ haproxy: "/nonexistent/haproxy" }).info()).rejects.toMatchObject({ code: "haproxy-missing" });
});

test.skipIf(!hasTool("haproxy"))("versions begin with numbers and cost nothing the second time", async () => {
  const system = facts();
  const info = await system.info();
  expect(info.hostname).toBe(hostname());
  expect(info.haproxy_version).toMatch(/^\d+\.\d+\./);
  const startedMs = performance.now();
  for (let round = 0; round < 100; round++) await system.info();
  expect(performance.now() - startedMs).toBeLessThan(100);
});

test.skipIf(!hasTool("haproxy"))("a program from elsewhere is asked itself", async () => {
  const folder = await temporaryDirectory();
  const program = join(folder, "haproxy");
  await writeFile(program, "#!/bin/sh\necho 'HAProxy version 3.0.1-dev 2026/01/01'\n", { mode: 0o755 });
  expect((await facts({ haproxy: program }).info()).haproxy_version).toBe("3.0.1-dev");
});

test("details are numbers where the controller counts and text where stock has text", async () => {
  const details = await facts().details();
  expect(details.cpu_count).toBeGreaterThan(0);
  expect(details.cpu.total).toBeGreaterThan(Number(details.cpu.user));
  expect(details.memory.total).toBeGreaterThan(details.memory.free);
  expect(details.disk.available).toBeGreaterThan(0);
  expect(details.load.every((each) => /^\d+\.\d\d$/.test(each))).toBe(true);
  expect(details.lvs_listener_process_count).toBe(0);
});

test.skipIf(!hasTool("ip"))("networks are those of the namespace configured", async () => {
  const namespace = await createNamespace();
  onTestFinished(() => namespace.remove());
  await namespace.exec("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far");
  const details = await facts({ namespace: namespace.name }).details();
  expect(details.networks).toEqual({ eth1: { network_tx: 0, network_rx: 0 } });
});

test.skipIf(!hasTool("ip"))("a namespace that is not there is an error that names it", async () => {
  await expect(facts({ namespace: "kt-nonexistent" }).details()).rejects.toThrow(/kt-nonexistent/);
});

test("a stale pid file of an LVS listener is no process", async () => {
  const basePath = await temporaryDirectory();
  await mkdir(join(basePath, "lvs"));
  await writeFile(join(basePath, "lvs/octavia-keepalivedlvs-1.pid"), `${process.pid}\n`);
  expect((await facts({ basePath }).details()).lvs_listener_process_count).toBe(0);
});
