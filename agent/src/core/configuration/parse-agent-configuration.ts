import type { AgentConfiguration, ControllerAddress, KraterConfiguration } from "./agent-configuration.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { parseControllerList } from "./controller-list.ts";
import { parseIni } from "./ini-file.ts";
import { type ConfigurationWarning, OptionReader } from "./option-reader.ts";

export interface ConfigurationFile {
  path: string;
  text: string;
}

export interface ParsedConfiguration {
  configuration: AgentConfiguration;
  warnings: ConfigurationWarning[];
}

/** Written by stock controllers (Zed to master), read by nothing here: our logs go to stdout, our paths are fixed. */
const stockOptionsWithoutUse = [
  "DEFAULT.use_syslog",
  "DEFAULT.syslog_log_facility",
  "haproxy_amphora.respawn_count",
  "haproxy_amphora.respawn_interval",
  "haproxy_amphora.use_upstart",
  "amphora_agent.amphora_udp_driver",
];

/**
 * Several files in order, later options winning, as `oslo.config` merges repeated `--config-file`s. `[krater]` is
 * accepted from any of them, but belongs into a later file: a stock controller overwrites the first one whole
 * (`PUT /1.0/config`). Throws ConfigurationError with file, line and reason.
 */
export function parseAgentConfiguration(
  files: readonly ConfigurationFile[],
  defaults: { supervisor: KraterConfiguration["supervisor"] },
): ParsedConfiguration {
  const options = new OptionReader(files.flatMap((file) => parseIni(file.text, file.path)));
  const configuration: AgentConfiguration = {
    debug: options.boolean("DEFAULT", "debug", false),
    haproxyAmphora: {
      baseCertDir: options.path("haproxy_amphora", "base_cert_dir", "/var/lib/octavia/certs"),
      basePath: options.path("haproxy_amphora", "base_path", "/var/lib/octavia"),
      bindHost: bindHost(options),
      bindPort: options.integer("haproxy_amphora", "bind_port", 9443, { from: 1, to: 65_535 }),
      haproxyCmd: options.path("haproxy_amphora", "haproxy_cmd", "/usr/sbin/haproxy"),
      userLogFacility: facility(options, "user_log_facility", 0),
      administrativeLogFacility: facility(options, "administrative_log_facility", 1),
    },
    healthManager: {
      controllers: controllers(options),
      heartbeatIntervalMs: options.integer("health_manager", "heartbeat_interval", 10, { from: 1, to: 86_400 }) * 1000,
      heartbeatKey: options.text("health_manager", "heartbeat_key", "") || undefined,
    },
    amphoraAgent: {
      agentServerCa: options.path("amphora_agent", "agent_server_ca", "/etc/octavia/certs/client_ca.pem"),
      agentServerCert: options.path("amphora_agent", "agent_server_cert", "/etc/octavia/certs/server.pem"),
      agentServerNetworkDir: options.path("amphora_agent", "agent_server_network_dir", "/etc/octavia/interfaces/"),
      agentRequestReadTimeoutMs:
        options.integer("amphora_agent", "agent_request_read_timeout", 180, { from: 1, to: 86_400 }) * 1000,
      amphoraId: options.text("amphora_agent", "amphora_id", ""),
      agentTlsProtocol: tlsProtocol(options),
    },
    controllerWorker: {
      loadbalancerTopology: options.choice("controller_worker", "loadbalancer_topology", "SINGLE", [
        "SINGLE",
        "ACTIVE_STANDBY",
      ]),
    },
    krater: {
      supervisor: options.choice("krater", "supervisor", defaults.supervisor, ["systemd", "spawn"]),
      // Named but empty means the agent's own namespace, so the default must not fill it in.
      networkNamespace: namespaceName(options),
      maxconnOverLimit: options.choice("krater", "maxconn_over_limit", "cap", ["cap", "refuse"]),
      runDirectory: options.path("krater", "run_directory", "/run/krater"),
      logLevel: options.choice("krater", "log_level", "info", ["debug", "info", "warn", "error"]),
    },
  };
  options.warnAboutUnknown(stockOptionsWithoutUse);
  return { configuration, warnings: options.warnings };
}

function bindHost(options: OptionReader): string {
  const entry = options.entry("haproxy_amphora", "bind_host");
  if (!entry) return "::";
  const address = /^\[?([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]?$/.exec(entry.value)?.[1];
  if (address === undefined) {
    throw new ConfigurationError(entry.file, entry.line, "[haproxy_amphora] bind_host wants an IP address");
  }
  return address;
}

/** Controllers write both facilities into `[haproxy_amphora]`, the original reads `[amphora_agent]`: both are read. */
function facility(options: OptionReader, key: string, fallback: number): number {
  const range = { from: 0, to: 7 };
  return options.integer("amphora_agent", key, options.integer("haproxy_amphora", key, fallback, range), range);
}

function controllers(options: OptionReader): ControllerAddress[] {
  const entry = options.entry("health_manager", "controller_ip_port_list");
  if (!entry) return [];
  const list = parseControllerList(entry.value);
  if (!list.ok) {
    throw new ConfigurationError(entry.file, entry.line, `[health_manager] controller_ip_port_list: ${list.reason}`);
  }
  const [first] = list.ignored;
  if (first !== undefined) {
    const count = list.ignored.length;
    options.warn(entry, `ends before ${JSON.stringify(first)}, which has no port: ${count} of its entries are ignored`);
  }
  return list.controllers;
}

/** The option is a minimum. What OpenSSL 3 no longer speaks is raised to the oldest that a stock controller can. */
function tlsProtocol(options: OptionReader): AgentConfiguration["amphoraAgent"]["agentTlsProtocol"] {
  const words = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;
  const value = options.choice("amphora_agent", "agent_tls_protocol", "TLSv1.2", words);
  if (value === "TLSv1.2" || value === "TLSv1.3") return value;
  const entry = options.entry("amphora_agent", "agent_tls_protocol");
  if (entry) options.warn(entry, `allows ${value}, which is not offered: TLSv1.2 is the oldest`);
  return "TLSv1.2";
}

function namespaceName(options: OptionReader): string {
  const entry = options.entry("krater", "network_namespace");
  if (!entry) return "amphora-haproxy";
  if (!/^[\w.-]{0,64}$/.test(entry.value) || /^\.\.?$/.test(entry.value)) {
    throw new ConfigurationError(
      entry.file,
      entry.line,
      "[krater] network_namespace wants a name of letters, digits, dots and dashes",
    );
  }
  return entry.value;
}
