import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import type { Service } from "../../core/services/service-manager.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { systemClock } from "../clock/system-clock.ts";
import { DiskFiles } from "../disk/disk-files.ts";
import { IpNetnsCommand } from "../exec/ip-netns-command.ts";
import { NodePrograms } from "../exec/node-programs.ts";
import { ProcProcesses } from "../exec/proc-processes.ts";
import { SystemdServiceManager } from "./systemd-service-manager.ts";
import { commandLine } from "./unit-text.ts";

const name = "haproxy-1b000001-0001-4000-8000-000000000001";

/**
 * A systemctl that writes down how it was called. `say(verb, ...)` decides what it answers; `show` tells of this very
 * test process, which is sure to be alive.
 */
async function recordingSystemctl(namespace = "") {
  const folder = await temporaryDirectory();
  const script = `#!/bin/sh
echo "$(basename "$0") $*" >> ${folder}/calls
[ -f ${folder}/$1.out ] && cat ${folder}/$1.out
[ -f ${folder}/$1.exit ] && exit "$(cat ${folder}/$1.exit)"
exit 0
`;
  await mkdir(join(folder, "bin"));
  for (const program of ["systemctl", "journalctl"]) {
    await writeFile(join(folder, "bin", program), script);
    await chmod(join(folder, "bin", program), 0o755);
  }
  const path = process.env["PATH"];
  process.env["PATH"] = `${folder}/bin:${path}`;
  onTestFinished(() => {
    process.env["PATH"] = path;
  });
  const say = async (verb: string, output: string, exitCode = 0): Promise<void> => {
    await writeFile(join(folder, `${verb}.out`), output);
    await writeFile(join(folder, `${verb}.exit`), String(exitCode));
  };
  await say("show", `ActiveState=active\nMainPID=${process.pid}\nNRestarts=0\nResult=success\n`);
  const manager = new SystemdServiceManager({
    programs: new NodePrograms(),
    processes: new ProcProcesses(),
    files: new DiskFiles(),
    clock: systemClock,
    connections: { hold: () => ({ release: () => undefined }) },
    namespace: new IpNetnsCommand(namespace),
    log: new FakeLog(),
    unitDirectory: join(folder, "units"),
  });
  onTestFinished(() => manager.close());
  const calls = async (): Promise<string[]> => {
    const text = await readFile(join(folder, "calls"), "utf8").catch(() => "");
    await writeFile(join(folder, "calls"), "");
    return text.split("\n").filter((line) => line !== "");
  };
  return { folder, manager, say, calls, unit: join(folder, "units", `${name}.service`) };
}

const service: Service = {
  name,
  description: "HAProxy of load balancer 100%",
  program: "/usr/sbin/haproxy",
  arguments: ["-Ws", "-f", "/b/x/haproxy.running.cfg"],
  checkArguments: ["-c", "-f", "/b/x/haproxy.running.cfg"],
  pidFile: "/b/x/x.pid",
  controlSocket: "/r/x.sock",
  ready: async () => undefined,
};
const show = `systemctl show --property ActiveState,MainPID,NRestarts,Result ${name}.service`;

test("the unit is written once, enabled once, and says what stock's says", async () => {
  const { manager, calls, unit } = await recordingSystemctl("amphora-haproxy");
  await manager.install(service);
  await manager.install(service);
  expect(await calls()).toEqual(["systemctl daemon-reload", `systemctl enable ${name}.service`]);
  expect((await stat(unit)).mode & 0o777).toBe(0o644);
  expect(await readFile(unit, "utf8")).toMatchInlineSnapshot(`
    "[Unit]
    Description=HAProxy of load balancer 100%%
    After=network.target syslog.service amphora-netns.service
    Before=octavia-keepalived.service
    Wants=syslog.service amphora-netns.service
    # systemd.unit(5): no limit on starts, a restart is due as long as it takes.
    StartLimitIntervalSec=0

    [Service]
    # systemd.service(5): -Ws tells READY=1 when the worker serves. 143 is how its master ends on SIGTERM.
    Type=notify
    SELinuxContext=-system_u:system_r:haproxy_t:s0
    # The folder of the control socket is in memory: after a reboot this unit comes before the agent.
    ExecStartPre=/bin/mkdir -p -m 0700 /r
    ExecStartPre=/usr/sbin/haproxy -c -f /b/x/haproxy.running.cfg
    ExecStart=ip netns exec amphora-haproxy /usr/sbin/haproxy -Ws -f /b/x/haproxy.running.cfg
    ExecReload=/usr/sbin/haproxy -c -f /b/x/haproxy.running.cfg
    ExecReload=/bin/kill -USR2 $MAINPID
    PIDFile=/b/x/x.pid
    KillMode=mixed
    SuccessExitStatus=143
    Restart=always
    RestartSec=250ms
    TimeoutStartSec=40
    # 2.5 files a connection with splicing, for up to a million of them.
    LimitNOFILE=2600000

    [Install]
    WantedBy=multi-user.target
    "
  `);
});

test("a unit that cannot be enabled is `enable-failed`, with systemctl's words", async () => {
  const { manager, say } = await recordingSystemctl();
  await say("enable", "Failed to enable unit: it is masked.\n", 1);
  await expect(manager.install(service)).rejects.toMatchObject({
    code: "enable-failed",
    details: "Failed to enable unit: it is masked.",
  });
});

test("start, reload and stop are one call each; the process is proven in between", async () => {
  const { manager, calls } = await recordingSystemctl();
  const ready: number[] = [];
  const proven = { ...service, ready: async (pid: number) => void ready.push(pid) };
  expect((await manager.start(proven)).pid).toBe(process.pid);
  expect(ready).toEqual([process.pid]);
  expect(await calls()).toEqual([
    "systemctl daemon-reload",
    `systemctl reset-failed ${name}.service`,
    `systemctl start ${name}.service`,
    show,
  ]);
  expect((await manager.state(name)).state).toBe("running");
  await manager.reload(name);
  await manager.stop(name);
  expect(await calls()).toEqual([`systemctl reload ${name}.service`, `systemctl stop ${name}.service`]);
  expect(await manager.state(name)).toEqual({ state: "stopped" });
});

test("a start that fails tells what the journal says, and is not left trying", async () => {
  const { manager, say, calls } = await recordingSystemctl();
  await say("start", `Job for ${name}.service failed because the control process exited with error code.\n`, 1);
  await say("--unit", "[ALERT] config : parsing [/b/x/haproxy.running.cfg:3] : no\n");
  await expect(manager.start(service)).rejects.toMatchObject({
    code: "action-failed",
    details: "[ALERT] config : parsing [/b/x/haproxy.running.cfg:3] : no",
  });
  const all = await calls();
  expect(all.at(-2)).toBe(`systemctl stop ${name}.service`);
  expect(all.find((call) => call.startsWith("journalctl --unit"))).toMatch(
    new RegExp(`^journalctl --unit ${name}.service --since @\\d+\\.\\d{3} --lines 60 --output cat --no-pager$`),
  );
  expect(await manager.state(name)).toEqual({ state: "stopped" });
});

test("a program that is not there is told as such", async () => {
  const { manager, say } = await recordingSystemctl();
  await say("start", "failed\n", 1);
  const missing = { ...service, program: "/nonexistent/haproxy" };
  await expect(manager.start(missing)).rejects.toMatchObject({ code: "haproxy-missing" });
});

test.for([
  {
    what: "a job that is already running is no failure",
    verb: "reload",
    output: "Job is already running",
    exit: 1,
    ok: true,
  },
  {
    what: "an inactive unit cannot be reloaded",
    verb: "reload",
    output: "x is not active, cannot reload.",
    exit: 1,
    ok: false,
  },
  { what: "stopping what systemd never loaded is fine", verb: "stop", output: "Unit not loaded.", exit: 5, ok: true },
  { what: "a stop that fails is told", verb: "stop", output: "Access denied", exit: 4, ok: false },
] as const)("$what", async ({ verb, output, exit, ok }) => {
  const { manager, say } = await recordingSystemctl();
  await say(verb, output, exit);
  const done = verb === "reload" ? manager.reload(name) : manager.stop(name);
  if (ok) await done;
  else await expect(done).rejects.toMatchObject({ code: "action-failed", details: output });
});

test("a unit started with other arguments is adopted as foreign and restarted with ours", async () => {
  const { manager, calls } = await recordingSystemctl();
  expect((await manager.adopt(service))?.pid).toBe(process.pid);
  expect(await manager.state(name)).toMatchObject({ state: "running", foreign: true });
  await manager.start(service);
  expect(await calls()).toContain(`systemctl restart ${name}.service`);
});

test("what does not run is not adopted; what should run is started without waiting", async () => {
  const { manager, say, calls } = await recordingSystemctl();
  await say("show", "ActiveState=inactive\nMainPID=0\nNRestarts=0\nResult=success\n");
  expect(await manager.adopt(service)).toBeUndefined();
  await manager.keepRunning(service);
  expect(await calls()).toContain(`systemctl start --no-block ${name}.service`);
  expect((await manager.state(name)).state).toBe("restarting");
  await manager.stop(name);
});

test("uninstalling removes the unit, whatever systemctl thinks of it", async () => {
  const { manager, say, folder } = await recordingSystemctl();
  await manager.install(service);
  await say("disable", "no such unit", 1);
  await manager.uninstall(name);
  expect(await readdir(join(folder, "units"))).toEqual([]);
});

test("without systemctl every call says so", async () => {
  const { manager, folder } = await recordingSystemctl();
  process.env["PATH"] = `${folder}/nowhere`;
  await expect(manager.stop(name)).rejects.toThrow(/systemctl/);
});

test.for([
  { words: ["/a", "-f", "x"], line: "/a -f x" },
  { words: ["/a", "50%", "$HOME"], line: "/a 50%% $$HOME" },
  { words: ["/a", 'b "c" d', ""], line: '/a "b \\"c\\" d" ""' },
  { words: ["/a", "b;c"], line: '/a "b;c"' },
])("a command line in a unit: $line", ({ words, line }) => expect(commandLine(words)).toBe(line));
