import { accessSync, constants } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import type { Namespaces } from "./namespaces.ts";
import { dropsForwarded } from "./observe-network.ts";
import type { Programs } from "./programs.ts";

/** What this machine must have, and the Debian package that brings it. */
const neededPrograms = {
  ip: "iproute2",
  nsenter: "util-linux",
  unshare: "util-linux",
  mount: "mount",
  pivot_root: "util-linux",
  tar: "tar",
  flock: "util-linux",
} as const;

/** Throws `DriverError("unsupported")` where amphorae of this kind can never live. */
export async function admitMachine(programs: Programs, signal: AbortSignal): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new DriverError("unsupported", "network namespaces are made by root on Linux: start the controller as root");
  }
  for (const [program, debianPackage] of Object.entries(neededPrograms)) {
    const there = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((folder) =>
      isExecutable(`${folder}/${program}`),
    );
    if (!there) {
      throw new DriverError("unsupported", `the program ${program} is missing here (Debian package ${debianPackage})`);
    }
  }
  await programs
    .run("unshare", ["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "true"], { signal })
    .catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new DriverError("unsupported", "this machine does not let the controller make namespaces", { cause });
    });
}

/** Bytes programs can still have without swapping. */
export async function availableMemoryBytes(): Promise<number> {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile("/proc/meminfo", "utf8"))?.[1];
  return kibibytes === undefined ? Number.POSITIVE_INFINITY : Number(kibibytes) * 1024;
}

/**
 * Where br_netfilter is loaded, bridged packets pass the machine's packet filter. In a namespace of its own that
 * is turned off; in the machine's own it is left alone, and the sentence that comes back says what it would break.
 */
export async function settleBridgeFilter(
  programs: Programs,
  namespaces: Namespaces,
  signal: AbortSignal,
): Promise<string | undefined> {
  const files = ["iptables", "ip6tables", "arptables"].map((family) => `/proc/sys/net/bridge/bridge-nf-call-${family}`);
  const values = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  if (!values.some((value) => value.trim() === "1")) return undefined;
  if (await namespaces.holdThisProcess()) {
    for (const file of files) await writeFile(file, "0").catch(() => {}); // read-only: then the filter is not ours either
    return undefined;
  }
  const rules = await programs.run("iptables", ["-S", "FORWARD"], { signal }).catch(() => "");
  const drops = await programs
    .run("nft", ["-j", "list", "chains"], { signal })
    .then(dropsForwarded)
    .catch(() => false); // without nft there are no such rules
  signal.throwIfAborted();
  if (!drops && !rules.includes("-P FORWARD DROP")) return undefined;
  return (
    "bridged traffic passes this machine's forward filter, whose policy is to drop: amphorae and members will not " +
    "reach each other until it accepts the bridges' traffic or net.bridge.bridge-nf-call-iptables is 0"
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
