import { Command } from "commander";
import { pinoLog } from "../adapters/log/pino-log.ts";
import { DriverError } from "../core/drivers/driver-error.ts";
import { ConfigurationError, defaultConfiguration, EXIT_CONFIGURATION, readConfiguration } from "./config.ts";
import { CannotStart } from "./state-directory.ts";
import { startShim } from "./wire.ts";

/** After a stop was asked for, this process is gone in two seconds, whatever still hangs: amphorae need nothing of it. */
const STOP_MS = 1_800;

const program = new Command("npm run shim --")
  .description("Runs the controller shim in the foreground. Without a file: a single machine, API on 127.0.0.1:9876.")
  .option("--config-file <file>", "settings in TOML; what is not in it has its default");
const { configFile } = program.parse().opts<{ configFile?: string }>();

const stopping = Promise.withResolvers<NodeJS.Signals>();
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.resolve(name));

try {
  const configuration = configFile === undefined ? defaultConfiguration() : readConfiguration(configFile);
  const log = pinoLog(configuration.log_level);
  const shim = await startShim(configuration, log);
  for (const line of shim.lines) console.log(line);
  log.info({ event: "shim.started", pid: process.pid }, "shim started");
  const signal = await stopping.promise;
  log.info({ event: "shim.stopping", signal }, "shim stopping, amphorae go on");
  setTimeout(() => {
    log.warn({ event: "shim.stopped-hard" }, "not everything ended in time");
    process.exit(0);
  }, STOP_MS).unref();
  await shim.stop();
  log.info({ event: "shim.stopped" }, "shim stopped");
  process.exit(0);
} catch (error) {
  if (error instanceof ConfigurationError) {
    console.error(error.message);
    process.exit(EXIT_CONFIGURATION);
  }
  const expected = error instanceof CannotStart || error instanceof DriverError;
  console.error(`krater: ${expected ? error.message : error instanceof Error ? error.stack : String(error)}`);
  process.exit(1);
}
