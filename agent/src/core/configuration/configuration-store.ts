import { AgentError } from "../agent-error.ts";
import type { EventSink } from "../events/agent-events.ts";
import { KeyedLock } from "../keyed-lock.ts";
import type { Log } from "../log.ts";
import type { Files } from "../system/files.ts";
import type { KraterConfiguration } from "./agent-configuration.ts";
import { ConfigurationError } from "./configuration-error.ts";
import type { CurrentConfiguration } from "./live-configuration.ts";
import type { ConfigurationWarning } from "./option-reader.ts";
import {
  type ConfigurationFile,
  type ParsedConfiguration,
  parseAgentConfiguration,
} from "./parse-agent-configuration.ts";

export interface ConfigurationStoreDependencies {
  /** In the order of the command line; `PUT /1.0/config` replaces the first. */
  paths: readonly string[];
  files: Pick<Files, "read" | "write">;
  defaults: { supervisor: KraterConfiguration["supervisor"] };
  current: CurrentConfiguration;
  events: EventSink;
  log: Log;
  /** Called when new settings are in force: log level, heartbeats. */
  applied(): void;
}

/** Re-reads and replaces the agent's configuration (`PUT /1.0/config`, SIGHUP). */
export class ConfigurationStore {
  readonly #deps: ConfigurationStoreDependencies;
  /** A signal in the middle of an upload must not bring the old file's settings back. */
  readonly #lock = new KeyedLock();

  constructor(deps: ConfigurationStoreDependencies) {
    this.#deps = deps;
  }

  /**
   * Stores `content` as the first file and takes over what may change while running. The original overwrites first
   * and parses then; here a text that does not parse leaves the old file and the old settings.
   */
  replaceFirst(content: Buffer, signal: AbortSignal): Promise<void> {
    return this.#lock.hold("files", signal, () => this.#replaceFirst(content));
  }

  /** Reads every file again. Throws ConfigurationError and changes nothing when one of them is bad. */
  reload(signal: AbortSignal): Promise<void> {
    return this.#lock.hold("files", signal, async () => {
      this.#apply(await this.#parse([], this.#deps.paths), "signal");
    });
  }

  async #replaceFirst(content: Buffer): Promise<void> {
    const { paths, files } = this.#deps;
    const [first, ...others] = paths;
    if (first === undefined) throw failed("the agent was started without --config-file: there is no file to replace");
    try {
      const text = decodeConfiguration(content, first);
      // Every option has a default, so nothing at all would parse: and the agent would have forgotten who it is.
      if (text.trim() === "") throw new ConfigurationError(first, undefined, "empty");
      const parsed = await this.#parse([{ path: first, text }], others);
      await files.write(first, content, { mode: 0o600 }); // it holds the heartbeat key
      this.#apply(parsed, "api");
    } catch (error) {
      if (error instanceof ConfigurationError || error instanceof AgentError) throw failed(error.message);
      throw error;
    }
  }

  async #parse(given: ConfigurationFile[], paths: readonly string[]): Promise<ParsedConfiguration> {
    const read = await readConfigurationFiles(paths, this.#deps.files);
    return parseAgentConfiguration([...given, ...read], this.#deps.defaults);
  }

  #apply({ configuration, warnings }: ParsedConfiguration, source: "api" | "signal"): void {
    const { current, events, log } = this.#deps;
    logWarnings(log, warnings);
    const { changed, needsRestart } = current.replace(configuration);
    this.#deps.applied();
    if (needsRestart.length > 0) {
      log.warn({ event: "configuration.kept", options: needsRestart }, "these options need a restart to take effect");
    }
    log.info({ event: "configuration.changed", changed, source }, "configuration read again");
    events.publish("configuration.changed", { changed, source });
  }
}

export function logWarnings(log: Log, warnings: readonly ConfigurationWarning[]): void {
  for (const { file, line, message } of warnings) {
    log.warn({ event: "configuration.ignored", file, line }, `${file}:${line}: ${message}`);
  }
}

/** Throws ConfigurationError for a file that is not there or is not text. */
export function readConfigurationFiles(
  paths: readonly string[],
  files: Pick<Files, "read">,
): Promise<ConfigurationFile[]> {
  return Promise.all(
    paths.map(async (path) => {
      const content = await files.read(path);
      if (!content) throw new ConfigurationError(path, undefined, "there is no such file");
      return { path, text: decodeConfiguration(content, path) };
    }),
  );
}

/** UTF-8 or nothing: a key with a replaced byte would sign heartbeats nobody accepts. */
function decodeConfiguration(content: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new ConfigurationError(path, undefined, "not UTF-8 text");
  }
}

function failed(details: string): AgentError {
  return new AgentError("agent-config-failed", "the new configuration is refused, the old one stays", { details });
}
