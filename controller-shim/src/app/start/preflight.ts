import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { heldNetwork } from "../network-holder.ts";
import { commandLine } from "../processes.ts";
import { run } from "./programs.ts";
import type { DemoSettings } from "./settings.ts";

/** Something the user can put right; the message ends with how. No stack trace is shown for it. */
export class CannotRun extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CannotRun";
  }
}

export function checkRoot(): void {
  if (process.getuid?.() !== 0)
    throw new CannotRun("npm start makes network namespaces and needs root: sudo npm start");
}

/** Before anything is made: root, the kernel's bridges and veth pairs, the API's port. */
export async function checkMachine(settings: DemoSettings): Promise<void> {
  await checkKernel(settings.instance);
  await checkPort(settings.apiPort);
  await checkAddresses(settings);
}

async function checkKernel(instance: string): Promise<void> {
  const [bridge, near, far] = [`${instance}-pb`, `${instance}-pv`, `${instance}-pw`];
  const probes = [
    { what: "bridges", module: "bridge", add: [bridge, "type", "bridge"] },
    { what: "veth pairs", module: "veth", add: [near, "type", "veth", "peer", "name", far] },
  ];
  for (const { what, module, add } of probes) {
    const remove = () => run("ip", ["link", "delete", add[0] ?? ""]);
    await remove(); // of a run that was killed right here
    const { exitCode, stderr } = await run("ip", ["link", "add", ...add]);
    await remove();
    if (exitCode === 0) continue;
    const words = stderr.trim().replace(/^RTNETLINK answers: /, "");
    throw new CannotRun(
      /not permitted/i.test(words)
        ? `this root may not change the network (${words}): in a container, start it with --privileged or CAP_NET_ADMIN and CAP_SYS_ADMIN`
        : `the kernel makes no ${what} (${words}): run  modprobe ${module}  on the host and start again`,
    );
  }
}

function checkPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const holder = error.code === "EADDRINUSE" ? holderOf(port) : undefined;
      const by = holder ? ` by pid ${holder.pid} (${holder.command})` : "";
      reject(
        new CannotRun(
          error.code === "EADDRINUSE"
            ? `port ${port} on 127.0.0.1 is taken${by}: stop that, or choose another port: ${startWith(`--port ${port + 1}`)}`
            : `port ${port} on 127.0.0.1 cannot be had (${error.message}): choose another: ${startWith("--port 19876")}`,
        ),
      );
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve()));
  });
}

/** The command that was given, with one more option: who follows the advice loses nothing. The last of a name counts. */
function startWith(option: string): string {
  return ["npm start --", ...process.argv.slice(2), option].join(" ");
}

async function checkAddresses(settings: DemoSettings): Promise<void> {
  const held = await heldNetwork(Object.values(settings.networks), () => false);
  if (!held) return;
  throw new CannotRun(
    `network ${held.network} is in use on link ${held.link}: remove that link, or choose others: ${startWith("--networks 198.19.16.0/24,198.19.17.0/24,198.19.18.0/24")}`,
  );
}

/** Which process listens on the port: its socket's inode stands in /proc/net/tcp. */
function holderOf(port: number): { pid: string; command: string } | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const LISTEN = "0A";
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  const row = rows.map((line) => line.trim().split(/\s+/)).find((f) => f[1]?.endsWith(suffix) && f[3] === LISTEN);
  if (!row) return undefined;
  const socket = `socket:[${row[9]}]`;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === socket)) {
        // Without the program's folder: what it was told says more.
        return {
          pid,
          command: commandLine(Number(pid))
            .replace(/^\S*\//, "")
            .slice(0, 80),
        };
      }
    } catch {
      // ended while we looked
    }
  }
  return undefined;
}
