import { existsSync } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/harness/free-port.ts";
import {
  amphoraId,
  exampleText,
  fetchBody,
  haproxiesOf,
  haproxyFolder,
  startHaproxyPart,
} from "../../../../test/harness/haproxy.ts";
import { startSystemdContainer } from "../../../../test/harness/systemd-container.ts";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import { HaproxyProcess } from "../../core/haproxy/haproxy-process.ts";
import type { LoadBalancerAction } from "../../core/haproxy/load-balancers.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { serviceManagerSuite } from "../../testing/service-manager-suite.ts";
import { systemClock } from "../clock/system-clock.ts";
import { DiskFiles } from "../disk/disk-files.ts";
import { IpNetnsCommand } from "../exec/ip-netns-command.ts";
import { NodePrograms } from "../exec/node-programs.ts";
import { ProcProcesses } from "../exec/proc-processes.ts";
import { HeldConnections } from "../haproxy/held-connection.ts";
import { UnixHaproxySockets } from "../haproxy/unix-sockets.ts";
import { SystemdServiceManager } from "./systemd-service-manager.ts";

// The suite needs systemd as PID 1 and changes its units, so this file runs itself again inside a container.
const inside = process.env["KRATER_TEST_SYSTEMD"] === "1";
const repository = resolve(import.meta.dirname, "../../../..");

if (inside) {
  serviceManagerSuite("systemd services", async () => {
    const folder = await temporaryDirectory();
    const port = await freePort();
    const processes = new ProcProcesses();
    const unitDirectory = "/etc/systemd/system";
    const manager = (): SystemdServiceManager => {
      const made = new SystemdServiceManager({
        programs: new NodePrograms(),
        processes,
        connections: new HeldConnections(),
        namespace: new IpNetnsCommand(""),
        files: new DiskFiles(),
        clock: systemClock,
        log: new FakeLog(),
        unitDirectory,
      });
      onTestFinished(() => made.close());
      return made;
    };
    const proving = new HaproxyProcess({ sockets: new UnixHaproxySockets(), services: manager(), clock: systemClock });
    const good = `global\n    maxconn 10\nfrontend f\n    bind 127.0.0.1:${port}\n    timeout client 1s\n`;
    const write = (name: string, text: string): Promise<void> => writeFile(join(folder, `${name}.cfg`), text);
    return {
      manager,
      service: async (name) => {
        await write(name, good);
        await mkdir(join(folder, "r"), { recursive: true });
        onTestFinished(async () => {
          await new NodePrograms().run("systemctl", ["stop", `${name}.service`], { timeoutMs: 20_000 });
          await rm(join(unitDirectory, `${name}.service`), { force: true });
        });
        const controlSocket = join(folder, "r", `${name}.sock`);
        const pidFile = join(folder, `${name}.pid`);
        const files = ["-f", join(folder, `${name}.cfg`)];
        return {
          name,
          description: name,
          program: "/usr/sbin/haproxy",
          pidFile,
          controlSocket,
          arguments: ["-Ws", ...files, "-p", pidFile, "-S", `${controlSocket},mode,600`],
          checkArguments: ["-c", ...files],
          ready: (pid, signal) => proving.ready(pid, { master: controlSocket, statistics: undefined }, signal),
        };
      },
      spoil: (name) => write(name, "nonsense\n"),
      mend: (name) => write(name, good),
      kill: (_name, pid) => void processes.signal(pid, "SIGKILL"),
      isAlive: (pid) => processes.look(pid) !== undefined,
    };
  });

  test("load balancers under systemd: start, reload, a reload that fails, a crash, stop, delete", async () => {
    const { folder, configuration } = await haproxyFolder();
    const part = startHaproxyPart(configuration, "systemd");
    onTestFinished(() => part.services.close());
    const { basePath } = configuration.haproxyAmphora;
    const id = "1b000001-0001-4000-8000-000000000001";
    const port = await freePort();
    const never = new AbortController().signal;
    const upload = (answer: string, answerPort = port) => {
      const text = exampleText({ basePath, id, port: answerPort, answer, maxconn: 50_000 });
      return part.loadBalancers.upload({ amphoraId, loadBalancerId: id, configuration: Buffer.from(text) }, never);
    };
    const act = async (action: LoadBalancerAction) => (await part.loadBalancers.act(id, action, never)).effective;
    const state = async () => (await part.loadBalancers.observe())[0]?.haproxy;

    await upload("one");
    expect(await act("reload")).toBe("start");
    expect(await fetchBody(port)).toBe("one");
    await upload("two");
    expect(await act("reload")).toBe("reload");
    expect(await fetchBody(port)).toBe("two");

    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await waitFor("the port", () => taken.listening);
    await upload("three", (taken.address() as AddressInfo).port);
    const failure = (await act("reload").catch((error: unknown) => error)) as { code: string; details: string };
    expect(failure.code).toBe("action-failed");
    expect(failure.details).toMatch(/haproxy\.cfg:\d+\].*cannot bind socket/);
    expect(await fetchBody(port)).toBe("two");

    const before = await state();
    if (before?.state !== "running") throw new Error(JSON.stringify(before));
    process.kill(before.masterPid, "SIGKILL");
    await waitFor("haproxy to be back", () => part.events.some(({ name }) => name === "haproxy.restarted"));
    expect(await fetchBody(port)).toBe("two");

    part.services.close();
    const next = startHaproxyPart(configuration, "systemd");
    onTestFinished(() => next.services.close());
    await next.reconcile();
    expect(next.events.map(({ name }) => name)).toEqual(["haproxy.adopted"]);
    await next.loadBalancers.act(id, "stop", never);
    expect(haproxiesOf(folder)).toEqual([]);
    await next.loadBalancers.delete(id, never);
    await expect(stat(`/etc/systemd/system/haproxy-${id}.service`)).rejects.toThrow(/ENOENT/);
  });
} else {
  const able = existsSync("/lib/systemd/systemd") && hasTool("haproxy") && hasTool("unshare") && hasTool("ip");
  test.skipIf(!able)("systemd passes the suite, as PID 1 of a container", { timeout: 180_000 }, async () => {
    const container = await startSystemdContainer(await temporaryDirectory());
    onTestFinished(() => container.stop());
    const vitest = join(repository, "node_modules/vitest/vitest.mjs");
    const file = "agent/src/adapters/systemd/systemd-container.real.test.ts";
    const words = [vitest, "run", "--root", repository, "--project", "real", file];
    const output = await container.exec(process.execPath, words, { KRATER_TEST_SYSTEMD: "1", NO_COLOR: "1" });
    expect(output).toMatch(/Tests\s+9 passed \(9\)/);
  });
}
