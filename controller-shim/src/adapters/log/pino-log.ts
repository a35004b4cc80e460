import { type DestinationStream, destination, pino } from "pino";
import type { Log } from "../../core/log.ts";

/** What may not be in a log under any name; the value is replaced, one level down as well. */
const secrets = ["heartbeatKey", "privateKeyPem", "certificatePem", "pem", "token", "password", "key", "bootFiles"];

/** JSON lines on standard error, written as they happen: nothing is lost when the process is killed. */
export function pinoLog(level: "debug" | "info" | "warn" | "error", stream?: DestinationStream): Log {
  const logger = pino(
    { level, base: null, redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: "(secret)" } },
    stream ?? destination({ dest: 2, sync: true }),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
