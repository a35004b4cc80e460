import { execFileSync } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/harness/free-port.ts";
import { haproxyFolder } from "../../../../test/harness/haproxy.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { HaproxyProcess } from "../../core/haproxy/haproxy-process.ts";
import type { Service } from "../../core/services/service-manager.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { type ServiceWorld, serviceManagerSuite } from "../../testing/service-manager-suite.ts";
import { systemClock } from "../clock/system-clock.ts";
import { IpNetnsCommand } from "../exec/ip-netns-command.ts";
import { NodePrograms } from "../exec/node-programs.ts";
import { ProcProcesses } from "../exec/proc-processes.ts";
import { HeldConnections } from "../haproxy/held-connection.ts";
import { UnixHaproxySockets } from "../haproxy/unix-sockets.ts";
import { SpawnedOpenFiles } from "./open-files.ts";
import { MOST_OUTPUT_BYTES, OutputFile } from "./output-file.ts";
import { SpawnServiceManager } from "./spawn-service-manager.ts";

const processes = new ProcProcesses();

async function haproxyWorld(): Promise<ServiceWorld & { folder: string }> {
  const { folder } = await haproxyFolder();
  const port = await freePort();
  const manager = (): SpawnServiceManager => {
    const programs = new NodePrograms();
    const made = new SpawnServiceManager({
      programs,
      processes,
      clock: systemClock,
      log: new FakeLog(),
      connections: new HeldConnections(),
      namespace: new IpNetnsCommand(""),
      openFiles: new SpawnedOpenFiles(programs),
      runDirectory: join(folder, "r"),
    });
    onTestFinished(() => made.close());
    return made;
  };
  const proving = new HaproxyProcess({ sockets: new UnixHaproxySockets(), services: manager(), clock: systemClock });
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(join(folder, "r"), { recursive: true });
    await writeFile(join(folder, `${name}.cfg`), text);
  };
  const good = `global\n    maxconn 10\nfrontend f\n    bind 127.0.0.1:${port}\n    timeout client 1s\n`;
  const service = async (name: string): Promise<Service> => {
    await write(name, good);
    const controlSocket = join(folder, "r", `${name}.sock`);
    const pidFile = join(folder, `${name}.pid`);
    const files = ["-f", join(folder, `${name}.cfg`)];
    return {
      name,
      description: name,
      program: "haproxy",
      pidFile,
      controlSocket,
      checkArguments: ["-c", ...files],
      arguments: ["-Ws", ...files, "-p", pidFile, "-S", `${controlSocket},mode,600`],
      ready: (pid, signal) => proving.ready(pid, { master: controlSocket, statistics: undefined }, signal),
    };
  };
  return {
    folder,
    manager,
    service,
    spoil: (name) => write(name, "nonsense\n"),
    mend: (name) => write(name, good),
    kill: (_name, pid) => void processes.signal(pid, "SIGKILL"),
    isAlive: (pid) => processes.look(pid) !== undefined,
  };
}

describe.skipIf(!hasTool("haproxy"))("spawn", () => {
  serviceManagerSuite("spawned services", haproxyWorld);

  test.for(["its worker", "a stranger", "nobody"])("a pid file that names %s leads to the master", async (whom) => {
    const world = await haproxyWorld();
    const service = await world.service("svc-pid");
    const manager = world.manager();
    const { pid } = await manager.start(service, new AbortController().signal);
    onTestFinished(() => manager.stop("svc-pid", new AbortController().signal));
    const [worker] = processes.find(({ parentPid }) => parentPid === pid);
    const named = whom === "its worker" ? worker?.pid : whom === "a stranger" ? process.pid : 0;
    await writeFile(service.pidFile, `${named}\n`);
    expect(await world.manager().adopt(service)).toMatchObject({ pid });
  });

  test("a FIFO in the place of the pid file names nobody, and nothing waits for it", async () => {
    const world = await haproxyWorld();
    const service = await world.service("svc-fifo");
    execFileSync("mkfifo", [service.pidFile]);
    expect(await world.manager().adopt(service)).toBeUndefined();
  });

  test("an adopted process that is stopped under another agent's nose is not mistaken for a new one of its pid", async () => {
    const world = await haproxyWorld();
    const service = await world.service("svc-h");
    const manager = world.manager();
    const { pid } = await manager.start(service, new AbortController().signal);
    const recycled = { ...service, pidFile: `${service.pidFile}-other` };
    expect(await world.manager().adopt(recycled)).toBeUndefined();
    expect(world.isAlive(pid)).toBe(true);
  });

  test("the environment of a daemon carries nothing of ours", async () => {
    process.env["NOTIFY_SOCKET"] = "/nonexistent";
    onTestFinished(() => void delete process.env["NOTIFY_SOCKET"]);
    const world = await haproxyWorld();
    const { pid } = await world.manager().start(await world.service("svc-i"), new AbortController().signal);
    const names = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").map((each) => each.split("=")[0]);
    expect(names).toContain("PATH");
    expect(names.filter((name) => name === "NOTIFY_SOCKET" || name === "HOME")).toEqual([]);
  });
});

test("a daemon's output file stays bounded, keeps what is new, and is the owner's", async () => {
  const { folder } = await haproxyFolder();
  const path = join(folder, "r/x.log");
  const output = new OutputFile(path);
  expect(output.sinceMark()).toBe("");
  const { closeSync, writeSync } = await import("node:fs");
  const descriptor = output.openForChild();
  onTestFinished(() => closeSync(descriptor));
  writeSync(descriptor, "old\n");
  output.mark();
  writeSync(descriptor, "new\n");
  expect(output.sinceMark()).toBe("new\n");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  writeSync(descriptor, "x".repeat(MOST_OUTPUT_BYTES));
  expect(output.sinceMark().length).toBe(16 * 1024);
  output.bound();
  writeSync(descriptor, "after\n");
  expect(output.sinceMark()).toBe("after\n");
});
