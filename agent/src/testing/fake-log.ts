import type { Log, LogFields } from "../core/log.ts";

export interface LogLine extends LogFields {
  level: "debug" | "info" | "warn" | "error";
  message: string;
}

/** Keeps what was logged. */
export class FakeLog implements Log {
  readonly lines: LogLine[] = [];

  debug(fields: LogFields, message: string): void {
    this.lines.push({ ...fields, level: "debug", message });
  }

  info(fields: LogFields, message: string): void {
    this.lines.push({ ...fields, level: "info", message });
  }

  warn(fields: LogFields, message: string): void {
    this.lines.push({ ...fields, level: "warn", message });
  }

  error(fields: LogFields, message: string): void {
    this.lines.push({ ...fields, level: "error", message });
  }
}
