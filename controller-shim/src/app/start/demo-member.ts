import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { endProcess, isAlive, type ProcessIdentity } from "../processes.ts";
import { must } from "./programs.ts";
import { RUN_ID_VARIABLE, type RunLedger } from "./run-ledger.ts";

/** A web server in a network namespace of its own on the member network: as a back-end machine would be. */
export interface DemoMember {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  isRunning(): boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Amphorae take addresses from the low end of the network; these stay out of their way. */
const FIRST_HOST = 201;
const PORT = 8080;
export const MEMBERS_MAX = 9;

function memberAddress(network: string, number: number): string {
  return network.replace(/\d+\/24$/, String(FIRST_HOST + number - 1));
}

export async function createDemoMember(
  number: number,
  context: { instance: string; network: string; gateway: string; ledger: RunLedger },
): Promise<DemoMember> {
  const { instance, ledger } = context;
  const name = `m${number}`;
  const namespace = `${instance}-${name}`;
  const address = memberAddress(context.network, number);
  await must("ip", "netns", "add", namespace);
  // The near end carries the namespace's name: who finds one knows the other.
  await must("ip", "link", "add", namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  await must("ip", "link", "set", namespace, "master", `${instance}-mem`, "up");
  await must("ip", "-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
  await must("ip", "-n", namespace, "link", "set", "lo", "up");
  await must("ip", "-n", namespace, "link", "set", "eth0", "up");
  await must("ip", "-n", namespace, "route", "add", "default", "via", context.gateway);

  let server: ProcessIdentity | undefined;
  const member: DemoMember = {
    name,
    address,
    port: PORT,
    isRunning: () => server !== undefined && isAlive(server),
    start: async () => {
      if (member.isRunning()) return;
      server = launch(namespace, member, ledger);
    },
    stop: async () => {
      if (!server) return;
      await endProcess(server, 1_000);
      ledger.remove(server.pid);
      server = undefined;
    },
  };
  await member.start();
  return member;
}

function launch(namespace: string, member: DemoMember, ledger: RunLedger): ProcessIdentity | undefined {
  const log = openSync(join(ledger.folder, `${member.name}.log`), "a", 0o600);
  // nsenter becomes the server: one pid, and no private view of the file system as `ip netns exec` would make.
  const child = spawn(
    "nsenter",
    [
      `--net=/run/netns/${namespace}`,
      process.execPath,
      "--max-semi-space-size=1",
      "--max-old-space-size=32",
      join(import.meta.dirname, "member-server.ts"),
      `--name=${member.name}`,
      `--address=${member.address}`,
      `--port=${member.port}`,
    ],
    { detached: true, stdio: ["ignore", log, log], env: { ...process.env, [RUN_ID_VARIABLE]: ledger.runId } },
  );
  closeSync(log);
  child.once("error", () => {}); // not started: nobody answers, which the health monitor shows
  child.unref();
  return child.pid === undefined ? undefined : ledger.add(member.name, child.pid);
}
