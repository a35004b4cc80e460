import { DiskFiles } from "../adapters/disk/disk-files.ts";
import { type AdjustableLog, createLog } from "../adapters/log/pino-log.ts";
import { AgentError } from "../core/agent-error.ts";
import { ConfigurationError } from "../core/configuration/configuration-error.ts";
import { logWarnings } from "../core/configuration/configuration-store.ts";
import { messageOf } from "../core/message-of.ts";
import {
  defaultSupervisor,
  EXIT_BAD_CONFIGURATION,
  HELP,
  loadConfiguration,
  logLevelOf,
  parseCommandLine,
  VERSION,
} from "./config.ts";
import { type RunningAgent, startAgent } from "./wire.ts";

/** A supervisor waits longer, a person does not. haproxy goes on without us. */
const STOP_WITHIN_MS = 1_800;

const commandLine = parseCommandLine(process.argv.slice(2));
if (commandLine.kind === "wrong") fail(EXIT_BAD_CONFIGURATION, commandLine.reason);
switch (commandLine.kind) {
  case "help":
    process.stdout.write(HELP);
    break;
  case "version":
    process.stdout.write(`${VERSION}\n`);
    break;
  case "run":
    run(commandLine.configFiles).catch((error: unknown) => {
      const bad = error instanceof ConfigurationError || error instanceof AgentError;
      fail(bad ? EXIT_BAD_CONFIGURATION : 1, messageOf(error));
    });
    break;
  default:
    commandLine satisfies never;
}

async function run(configFiles: string[]): Promise<void> {
  // Node would open its debugger to everybody on this machine; stock's logrotate sends this signal to the agent.
  process.on("SIGUSR1", () => {});
  let asked = false;
  let reload = () => {
    asked = true; // there is nothing to reload yet
  };
  process.on("SIGHUP", () => reload());
  const files = new DiskFiles();
  const defaults = { supervisor: defaultSupervisor() };
  const { configuration, warnings } = await loadConfiguration(configFiles, files, defaults);
  const log = createLog(logLevelOf(configuration));
  logWarnings(log, warnings);
  dieLoudly(log);
  const agent = await startAgent({ configuration, configFiles, defaults, files, log });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop(agent, signal));
  reload = () => void agent.reload();
  if (asked) reload();
}

function stop(agent: RunningAgent, reason: string): void {
  setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref();
  void agent.stop(reason).finally(() => process.exit(0));
}

/** Whatever nobody foresaw ends the process, said in the log: the supervisor starts a sane one. */
function dieLoudly(log: AdjustableLog): void {
  const die = (error: unknown) => {
    log.error({ event: "agent.crashed", error }, "unexpected error, the agent ends");
    process.exit(1);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
}

/** What has been started so far must not hold the process. Writing to stderr is synchronous on Linux. */
function fail(code: number, reason: string): never {
  process.stderr.write(`krater agent: ${reason.replaceAll("\n", " ")}\n`);
  process.exit(code);
}
