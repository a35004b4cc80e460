/** A configuration file that cannot be used. One line for people; values are named by key, never shown when secret. */
export class ConfigurationError extends Error {
  readonly file: string;
  /** Counted from 1; undefined when the file as a whole is the trouble. */
  readonly line: number | undefined;
  readonly reason: string;

  constructor(file: string, line: number | undefined, reason: string) {
    super(line === undefined ? `${file}: ${reason}` : `${file}:${line}: ${reason}`);
    this.name = "ConfigurationError";
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}
