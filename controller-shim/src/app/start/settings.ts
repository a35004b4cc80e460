import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";

/** How the main job runs. The defaults meet neither `npm run shim`'s nor most networks (RFC 2544). */
export interface DemoSettings {
  check: boolean;
  requestsPerSecond: number;
  instance: string;
  stateFolder: string;
  shimStateDirectory: string;
  apiPort: number;
  heartbeatPort: number;
  networks: { management: string; vip: string; members: string };
}

export const repositoryRoot = resolve(import.meta.dirname, "../../../..");

const NETWORKS = "198.18.16.0/24,198.18.17.0/24,198.18.18.0/24";
/** Documented limits: more needs no proof here and only heats two cores. */
const RATE = { lowest: 1, highest: 500 };

export function parseDemoSettings(args: readonly string[]): DemoSettings {
  const program = new Command("npm start --")
    .description(
      "Runs a load balancer on this machine: real haproxy, real traffic, a live view. Ctrl-C removes it all.",
    )
    .option("--check", "run unattended: prove traffic, updates and repair, clean up, exit 0 or 1", false)
    .option("--rate <number>", `requests per second through the VIP, ${RATE.lowest} to ${RATE.highest}`, parseRate, 20)
    .option("--port <number>", "port of the API on 127.0.0.1", parsePort, 19_876)
    .option(
      "--instance <name>",
      "name of this run: 1 to 6 of a-z and 0-9; two at once need --port and --networks of their own, too",
      parseInstance,
      "demo",
    )
    .addOption(new Option("--heartbeat-port <number>").argParser(parsePort).default(5555).hideHelp())
    .addOption(
      new Option("--networks <cidrs>", "management, VIP and member network, each a /24")
        .argParser(parseNetworks)
        .default(parseNetworks(NETWORKS), NETWORKS),
    );
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  // `npm start --check`: npm keeps the option for itself, and a script would wait for ever.
  if (process.env["npm_config_check"] !== undefined && !args.includes("--check")) {
    program.error("error: npm keeps what stands before -- for itself: npm start -- --check");
  }
  const options = program.parse(args, { from: "user" }).opts<{
    check: boolean;
    rate: number;
    port: number;
    instance: string;
    heartbeatPort: number;
    networks: DemoSettings["networks"];
  }>();
  return {
    check: options.check,
    requestsPerSecond: options.rate,
    instance: options.instance,
    stateFolder: stateFolderOf(options.instance),
    shimStateDirectory: shimStateDirectoryOf(options.instance),
    apiPort: options.port,
    heartbeatPort: options.heartbeatPort,
    networks: options.networks,
  };
}

/** In RAM: nothing of a demonstration is worth keeping. */
export function stateFolderOf(instance: string): string {
  return `/run/krater-${instance}`;
}

/** Where its shim keeps database, keys and amphorae. */
export function shimStateDirectoryOf(instance: string): string {
  return `${stateFolderOf(instance)}/shim`;
}

/** Names of namespaces and links are made of it, and a link's name has 15 bytes. */
export function parseInstance(value: string): string {
  if (!/^[a-z0-9]{1,6}$/.test(value)) throw new InvalidArgumentError("1 to 6 characters of a-z and 0-9.");
  return value;
}

function parseRate(value: string): number {
  return parseNumber(value, RATE.lowest, RATE.highest);
}

function parsePort(value: string): number {
  return parseNumber(value, 1, 65_535);
}

function parseNumber(value: string, lowest: number, highest: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < lowest || number > highest) {
    throw new InvalidArgumentError(`a whole number from ${lowest} to ${highest}.`);
  }
  return number;
}

function parseNetworks(value: string): DemoSettings["networks"] {
  const [management, vip, members, ...more] = value.split(",");
  const isNetwork = (cidr: string | undefined) => /^\d+\.\d+\.\d+\.0\/24$/.test(cidr ?? "");
  if (!management || !vip || !members || more.length > 0 || ![management, vip, members].every(isNetwork)) {
    throw new InvalidArgumentError("three networks such as 198.18.16.0/24, separated by commas.");
  }
  return { management, vip, members };
}
