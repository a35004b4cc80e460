import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { createNamespace } from "./namespace.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);

export interface SystemdContainer {
  /** Runs a program inside; rejects with its output when it fails. */
  exec(program: string, programArguments: readonly string[], env?: Record<string, string>): Promise<string>;
  stop(): Promise<void>;
}

/** Shown inside as it is outside, wherever it lies (also below /tmp, or on a file system of its own). */
const checkout = resolve(import.meta.dirname, "../..");

/** Units of the host that would want hardware, or speak for the machine. */
const MASKED =
  `systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket
  systemd-logind.service systemd-modules-load.service systemd-remount-fs.service systemd-journal-flush.service
  systemd-hwdb-update.service systemd-random-seed.service systemd-sysctl.service systemd-tmpfiles-setup.service
  systemd-tmpfiles-setup-dev.service dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount
  networking.service haproxy.service keepalived.service ssh.service cron.service`.split(/\s+/);

/**
 * systemd as PID 1 over a throw-away copy of this machine's files: namespaces of its own, an overlay that ends with it.
 * Nothing it does reaches the host (namespaces(7), pivot_root(2)).
 */
export async function startSystemdContainer(folder: string): Promise<SystemdContainer> {
  const namespace = await createNamespace("kts");
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  const setUp = join(folder, "set-up.sh");
  await writeFile(setUp, setUpScript(scratch));
  const outside = spawn(
    "ip",
    [
      ..."netns exec".split(" "),
      namespace.name,
      ..."unshare --mount --pid --uts --ipc --cgroup --fork --kill-child sh -e".split(" "),
      setUp,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const words: string[] = [];
  for (const stream of [outside.stdout, outside.stderr])
    stream.on("data", (data: Buffer) => void words.push(String(data)));
  const stop = async (): Promise<void> => {
    if (outside.exitCode === null && outside.signalCode === null) {
      const ended = new Promise((resolve) => outside.once("exit", resolve));
      process.kill(await childOf(outside), "SIGKILL"); // PID 1 of the container: everything goes with it
      await ended;
    }
    await namespace.remove();
    await rm(scratch, { recursive: true, force: true });
  };
  const exec: SystemdContainer["exec"] = async (program, programArguments, env = {}) => {
    const inside = ["-t", String(await childOf(outside)), "-m", "-p", "-n", "-u", "-i", "--", program];
    const options = { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env }, maxBuffer: 16 << 20, timeout: 100_000 };
    const { stdout, stderr } = await run("nsenter", [...inside, ...programArguments], options).catch(
      (error: unknown) => {
        const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
        throw new Error(`${program} failed inside the container:\n${stdout}\n${stderr}`, { cause: error });
      },
    );
    return stdout + stderr;
  };
  try {
    await waitFor(
      "systemd to be up",
      async () => {
        if (outside.exitCode !== null) throw new Error(`it ended: ${words.join("")}`);
        return (await exec("systemctl", ["is-active", "lab.target"])).includes("active");
      },
      { timeoutMs: 30_000, everyMs: 100 },
    );
  } catch (error) {
    await stop();
    throw new Error(`no systemd: ${words.join("").slice(-2_000)}`, { cause: error });
  }
  return { exec, stop };
}

async function childOf(outside: ChildProcess): Promise<number> {
  const children = await readFile(`/proc/${outside.pid}/task/${outside.pid}/children`, "latin1");
  return Number(children.trim().split(" ")[0]);
}

function setUpScript(scratch: string): string {
  return `
mount --make-rprivate /
mount -t tmpfs -o size=1g tmpfs ${scratch}
mkdir ${scratch}/upper ${scratch}/work ${scratch}/root
mount -t overlay overlay -o lowerdir=/,upperdir=${scratch}/upper,workdir=${scratch}/work ${scratch}/root
cd ${scratch}/root
: > etc/fstab
for unit in ${MASKED.join(" ")}; do ln -sf /dev/null etc/systemd/system/$unit; done
printf '[Unit]\\nWants=systemd-journald.service\\nAfter=systemd-journald.service\\n' > etc/systemd/system/lab.target
mkdir -p etc/systemd/system.conf.d
printf '[Manager]\\nDefaultTimeoutStartSec=15s\\n' > etc/systemd/system.conf.d/lab.conf
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mkdir -p .${checkout}
mount --bind ${checkout} .${checkout}
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p run/old
pivot_root . run/old
umount -l /run/old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lab /lib/systemd/systemd --system --unit=lab.target \
  --log-target=console --show-status=0
`;
}
