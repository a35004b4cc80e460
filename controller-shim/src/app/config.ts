import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { isAbsolute } from "node:path";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { INSTANCE } from "../adapters/drivers/netns/names.ts";
import { contains, parseCidr } from "../core/planning/ip.ts";

/** sysexits(3): the configuration is wrong; systemd's `RestartPreventExitStatus` knows the number. */
export const EXIT_CONFIGURATION = 78;

/** Told as `file:line: reason`, and nothing runs. */
export class ConfigurationError extends Error {
  constructor(file: string, line: number | undefined, reason: string) {
    super(`${file}${line === undefined ? "" : `:${line}`}: ${reason}`);
    this.name = "ConfigurationError";
  }
}

const port = z.int().min(1).max(65_535);
const seconds = (least: number, most: number) => z.number().min(least).max(most);
const folder = z.string().refine(isAbsolute, "must be an absolute path");
const network = z.string().refine(isNetwork, "must be an IPv4 network such as 198.18.0.0/24, from /8 to /28");

const schema = z
  .strictObject({
    /** Prefix of every namespace, bridge and control group of this shim: runs of other names do not meet. */
    instance: z.string().regex(INSTANCE, "must be 1 to 6 characters of a-z and 0-9").default("krater"),
    state_directory: folder.default("/var/lib/krater"),
    log_level: z.enum(["debug", "info", "warn", "error"]).default("info"),
    api: z
      .strictObject({
        host: z.string().default("127.0.0.1"),
        port: port.default(9876),
        /** What clients see in links, when a proxy stands in front. */
        public_url: z.url().optional(),
        /** X-Auth-Token, where wanted; without token and user everybody who reaches the address may do everything. */
        token: z.string().min(8).optional(),
        username: z.string().min(1).optional(),
        password: z.string().min(8).optional(),
      })
      .refine((api) => (api.username === undefined) === (api.password === undefined), {
        error: "username and password go together",
      })
      .refine((api) => isLoopback(api.host) || api.token !== undefined || api.username !== undefined, {
        error: "host is not loopback: set token, or username and password",
        path: ["host"],
      })
      .prefault({}),
    networks: z
      .strictObject({
        management: network.default("198.18.0.0/24"),
        vip: network.default("198.18.1.0/24"),
        members: network.default("198.18.2.0/24"),
      })
      .refine((networks) => !anyOverlap(Object.values(networks)), { error: "the networks overlap" })
      .prefault({}),
    health: z
      .strictObject({
        heartbeat_port: port.default(5555),
        heartbeat_interval_seconds: z.int().min(1).max(60).default(5),
        /** Silent for so long and not answering either: the amphora is replaced. */
        heartbeat_timeout_seconds: seconds(2, 3_600).default(30),
        observe_interval_seconds: seconds(0.1, 60).default(1),
        statistics_interval_seconds: seconds(0.1, 300).default(3),
      })
      .refine((health) => health.heartbeat_timeout_seconds >= 2 * health.heartbeat_interval_seconds, {
        error: "must be at least two heartbeat intervals",
        path: ["heartbeat_timeout_seconds"],
      })
      .prefault({}),
    reconcile: z
      .strictObject({
        parallel: z.int().min(1).max(64).default(4),
        /** A change that is not applied after so long goes to ERROR. */
        deadline_seconds: seconds(1, 3_600).default(300),
        boot_seconds: seconds(1, 600).default(60),
      })
      .prefault({}),
    amphora: z
      .strictObject({
        /** Bound of one amphora's memory, and what has to be free before one more is started. */
        memory_max_mib: z.int().min(64).max(65_536).default(512),
        memory_needed_mib: z.int().min(0).max(65_536).default(96),
        processes_max: z.int().min(16).max(4_096).default(128),
        maximum: z.int().min(1).max(10_000).default(64),
      })
      .prefault({}),
    haproxy: z
      .strictObject({
        /** Templates of the operator's own; a file that is not there is taken from the driver. */
        template_directory: folder.optional(),
        connection_logging: z.boolean().default(true),
      })
      .prefault({}),
  })
  .prefault({});

export type ShimConfiguration = z.output<typeof schema>;

export function defaultConfiguration(): ShimConfiguration {
  return schema.parse({});
}

export function readConfiguration(file: string): ShimConfiguration {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigurationError(file, undefined, `cannot be read: ${(error as Error).message}`);
  }
  return parseConfiguration(text, file);
}

export function parseConfiguration(text: string, file: string): ShimConfiguration {
  let values: unknown;
  try {
    values = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0]?.replace("Invalid TOML document: ", "") ?? "not TOML";
    throw new ConfigurationError(file, error.line, reason);
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknownKey = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []).map(String), ...(unknownKey === undefined ? [] : [unknownKey])];
  const reason = unknownKey === undefined ? (issue?.message ?? "is wrong") : "is not a setting";
  throw new ConfigurationError(file, lineOf(text, path), `${path.join(".")}: ${reason}`);
}

/** The line a setting stands on: its key below its table's header. */
function lineOf(text: string, path: readonly string[]): number | undefined {
  const [table, key] = path.length > 1 ? [path[0], path[1]] : [undefined, path[0]];
  let current: string | undefined;
  let headerLine: number | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\s*([\w-]+)\s*\]/.exec(line)?.[1];
    if (header !== undefined) {
      current = header;
      if (header === (table ?? key)) headerLine = index + 1;
    }
    const name = /^\s*"?([\w-]+)"?\s*=/.exec(line)?.[1];
    if (name !== undefined && name === key && current === table) return index + 1;
  }
  return headerLine;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function isNetwork(text: string): boolean {
  const network = parseCidr(text);
  return network?.version === 4 && network.prefixLength >= 8 && network.prefixLength <= 28;
}

function anyOverlap(networks: readonly string[]): boolean {
  const sorted = networks.flatMap((text) => parseCidr(text) ?? []).sort((a, b) => (a.base < b.base ? -1 : 1));
  return sorted.some((each, n) => {
    const before = sorted[n - 1];
    return before !== undefined && contains(before, { version: each.version, value: each.base });
  });
}
