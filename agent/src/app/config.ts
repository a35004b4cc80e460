import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import type { AgentConfiguration, KraterConfiguration } from "../core/configuration/agent-configuration.ts";
import { ConfigurationError } from "../core/configuration/configuration-error.ts";
import { readConfigurationFiles } from "../core/configuration/configuration-store.ts";
import { type ParsedConfiguration, parseAgentConfiguration } from "../core/configuration/parse-agent-configuration.ts";
import { messageOf } from "../core/message-of.ts";
import type { Files } from "../core/system/files.ts";

export const VERSION = packageFile.version;

/** sysexits.h: a configuration error. Supervisors may treat it as "do not hammer". */
export const EXIT_BAD_CONFIGURATION = 78;

export const HELP = `krater agent ${VERSION}: runs on the amphora, driven over HTTPS by Octavia or by the krater shim

  --config-file FILE   repeatable, later files win. The first is Octavia's amphora-agent.conf, which a controller may
                       overwrite whole (PUT /1.0/config); [krater] belongs into a later one
  --help, --version
`;

export type CommandLine =
  | { kind: "run"; configFiles: string[] }
  | { kind: "help" }
  | { kind: "version" }
  | { kind: "wrong"; reason: string };

const DEFAULT_CONFIG_FILE = "/etc/octavia/amphora-agent.conf";

export function parseCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "config-file": { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
    if (values.help) return { kind: "help" };
    if (values.version) return { kind: "version" };
    return { kind: "run", configFiles: values["config-file"] ?? [DEFAULT_CONFIG_FILE] };
  } catch (error) {
    return { kind: "wrong", reason: messageOf(error) };
  }
}

/** Every file, merged. Throws ConfigurationError. */
export async function loadConfiguration(
  paths: readonly string[],
  files: Pick<Files, "read">,
  defaults: { supervisor: KraterConfiguration["supervisor"] },
): Promise<ParsedConfiguration> {
  const parsed = parseAgentConfiguration(await readConfigurationFiles(paths, files), defaults);
  const { amphoraId } = parsed.configuration.amphoraAgent;
  if (/[^\w.-]/.test(amphoraId)) {
    throw new ConfigurationError(paths.join(", "), undefined, "[amphora_agent] amphora_id wants a UUID");
  }
  return parsed;
}

/** systemd where it is process 1; elsewhere (containers, namespaces) we look after haproxy ourselves. */
export function defaultSupervisor(): KraterConfiguration["supervisor"] {
  try {
    return readFileSync("/proc/1/comm", "utf8").trim() === "systemd" ? "systemd" : "spawn";
  } catch {
    return "spawn";
  }
}

export function logLevelOf(configuration: AgentConfiguration): KraterConfiguration["logLevel"] {
  return configuration.debug ? "debug" : configuration.krater.logLevel;
}
