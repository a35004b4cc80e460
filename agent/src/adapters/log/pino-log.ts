import { type Logger, pino, stdSerializers, stdTimeFunctions } from "pino";
import type { Log } from "../../core/log.ts";
import { logOutput } from "./log-output.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** A log whose level can change while running (`debug` is a mutable option). */
export interface AdjustableLog extends Log {
  setLevel(level: LogLevel): void;
}

/** Names under which a secret could come by; at the top and one level down, which is as deep as fields go. */
const secretNames = ["heartbeatKey", "heartbeat_key", "hmacKey", "key", "privateKey", "password", "pem", "auth_pass"];
const redact = {
  paths: [...secretNames, ...secretNames.map((name) => `*.${name}`)],
  censor: "[secret]",
};

/** JSON lines on a file descriptor, written at once: no transport, hence no worker thread (19 MB). */
export function createLog(level: LogLevel, fd = 1): AdjustableLog {
  const logger: Logger = pino(
    {
      level,
      redact,
      base: null,
      serializers: { error: stdSerializers.err },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logOutput(fd),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    setLevel: (next) => {
      logger.level = next;
    },
  };
}
