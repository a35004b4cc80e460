import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { NetnsDriver, type NetnsDriverOptions } from "../../controller-shim/src/adapters/drivers/netns/netns-driver.ts";
import { type Programs, realPrograms } from "../../controller-shim/src/adapters/drivers/netns/programs.ts";
import type { AmphoraSpecification } from "../../controller-shim/src/core/drivers/compute-driver.ts";
import type { ShimNetwork } from "../../controller-shim/src/core/planning/networks.ts";
import { createNamespace, type Exec } from "./namespace.ts";

/**
 * Stands in for the agent where the driver is what is tested: answers on port 9443 who it is, runs a program it is
 * asked to run, and leaves a program behind that outlives it, as an agent leaves haproxy.
 */
const standInAgent = `
const { spawn, spawnSync } = require("node:child_process");
const { hostname } = require("node:os");
console.log("stand-in agent up");
require("node:http").createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://amphora");
  const [program, ...args] = searchParams.getAll("a");
  const answers = {
    "/who": () => ({ hostname: hostname(), pid: process.pid, node: process.execArgv, args: process.argv.slice(2), env: process.env }),
    "/run": () => { const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" }); return { status, output: stdout + stderr }; },
    "/leave": () => { const child = spawn(program, args, { detached: true, stdio: "ignore" }); child.unref(); return { pid: child.pid }; },
  };
  response.end(JSON.stringify(answers[pathname]()));
}).listen(9443, "::");
`;

interface StandInAnswers {
  "/who": { hostname: string; pid: number; node: string[]; args: string[]; env: Record<string, string> };
  "/run": { status: number; output: string };
  "/leave": { pid: number };
}

/** A machine of the test's own for one instance of the driver: its bridges live in a namespace, its state in a folder. */
export interface NetnsMachine {
  instance: string;
  folder: string;
  hostNamespace: string;
  networks: ShimNetwork[];
  agentBundle: string;
  /** Runs a program where the bridges are. */
  exec: Exec;
  /** The driver with the real programs, or with ones that misbehave. */
  driver(programs?: (real: Programs) => Programs, change?: Partial<NetnsDriverOptions>): NetnsDriver;
  warnings: string[];
  specification(number: number, virtualAddresses?: string[]): AmphoraSpecification;
  ask<Path extends keyof StandInAnswers>(address: string, path: Path, ...args: string[]): Promise<StandInAnswers[Path]>;
  /** Everything that is on the machine because of this instance. */
  traces(): Promise<string[]>;
}

export async function createNetnsMachine(): Promise<NetnsMachine> {
  const instance = `k${randomBytes(2).toString("hex")}`;
  const host = await createNamespace("kth");
  const folder = await mkdtemp(join(tmpdir(), "kt-netns-"));
  const agentBundle = join(folder, "stand-in-agent.cjs");
  await writeFile(agentBundle, standInAgent);
  const inHost = inNamespace(host.name, realPrograms);
  const warnings: string[] = [];
  const ignore = (): void => {};
  const machine: NetnsMachine = {
    instance,
    folder,
    hostNamespace: host.name,
    networks: exampleNetworks(),
    agentBundle,
    exec: host.exec,
    warnings,
    driver: (programs = (real) => real, change = {}) =>
      new NetnsDriver({
        instance,
        stateDirectory: join(folder, "state"),
        networks: machine.networks,
        agentBundle: machine.agentBundle,
        amphoraeMax: 3,
        memoryPerAmphoraBytes: 64 * 2 ** 20,
        log: { info: ignore, warn: (_, message) => warnings.push(message), error: ignore, debug: ignore },
        programs: programs(inHost),
        ...change,
      }),
    specification: (number, virtualAddresses = []) => ({
      amphoraId: randomUUID(),
      bootFiles: [
        { path: "/run/octavia/amphora-agent.conf", mode: 0o644, content: "[DEFAULT]\n" },
        { path: "/run/octavia/krater.conf", mode: 0o644, content: "[krater]\n" },
        { path: "/run/octavia/server.pem", mode: 0o600, content: `secret-${instance}\n` },
      ],
      legs: [
        leg("eth0", "management", `198.18.0.${number}`),
        { ...leg("eth1", "vip", `198.18.1.${number}`), virtualAddresses },
      ],
      gateway: "198.18.1.1",
      memoryMaxBytes: 256 * 2 ** 20,
      processesMax: 200,
    }),
    ask: async (address, path, ...args) => {
      const query = new URLSearchParams(args.map((value): [string, string] => ["a", value]));
      const url = `http://${address}:9443${path}?${query.toString()}`;
      const answer = await machine.exec("curl", "-sS", "--noproxy", "*", "--max-time", "5", url);
      return JSON.parse(answer) as never;
    },
    traces: () => findTraces(instance, folder, host.exec),
  };
  onTestFinished(async () => {
    await machine.driver().destroyAll(AbortSignal.timeout(30_000));
    await host.remove();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);
  return machine;
}

export function leg(name: string, role: ShimNetwork["role"], address: string): AmphoraSpecification["legs"][number] {
  return { name, subnetId: `subnet-${role}`, address, prefixLength: 24, virtualAddresses: [] };
}

/** The driver stays in the test's process; the programs it runs are in the namespace. */
function inNamespace(name: string, real: Programs): Programs {
  const enter = [`--net=/run/netns/${name}`];
  return {
    run: (program, args, options) => real.run("nsenter", [...enter, program, ...args], options),
    launch: (program, args, options) => real.launch("nsenter", [...enter, program, ...args], options),
  };
}

function exampleNetworks(): ShimNetwork[] {
  return (["management", "vip", "member"] as const).map((role, index) => ({
    id: `network-${role}`,
    name: role,
    role,
    subnet: {
      id: `subnet-${role}`,
      name: `${role}-subnet`,
      cidr: `198.18.${index}.0/24`,
      gateway: `198.18.${index}.1`,
    },
  }));
}

async function findTraces(instance: string, folder: string, exec: Exec): Promise<string[]> {
  const traces: string[] = [];
  const links = JSON.parse(await exec("ip", "-j", "link")) as { ifname: string }[];
  traces.push(...links.filter((link) => link.ifname !== "lo").map((link) => `link ${link.ifname}`));
  const named = await readdir("/run/netns");
  traces.push(...named.filter((name) => name.startsWith(`${instance}-`)).map((name) => `namespace ${name}`));
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  traces.push(...mounts.filter((line) => line.includes(folder) || line.includes(`/${instance}`)));
  for (const mount of mounts.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "")) {
    const groups = await readdir(join(mount, instance)).catch(() => undefined);
    if (groups) traces.push(`control group ${join(mount, instance)}`);
  }
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes(folder)) traces.push(`process ${pid} ${commandLine.replaceAll("\0", " ")}`);
  }
  const amphorae = await readdir(join(folder, "state/amphorae")).catch(() => []);
  traces.push(...amphorae.map((name) => `folder ${name}`));
  return traces;
}
