/** Logs are events with fields; the adapter redacts secrets. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
}

export interface LogFields {
  /** `haproxy.reloaded`: noun, dot, verb in the past tense. */
  event: string;
  [field: string]: unknown;
}
