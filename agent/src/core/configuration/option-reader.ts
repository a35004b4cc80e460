import { ConfigurationError } from "./configuration-error.ts";
import type { IniEntry } from "./ini-file.ts";

/** Something in a file that is not used. Never fatal: a newer controller may write options we do not know. */
export interface ConfigurationWarning {
  file: string;
  line: number;
  message: string;
}

/** oslo.config `types.Boolean`. */
const truths = new Map([
  ...["true", "1", "on", "yes"].map((word) => [word, true] as const),
  ...["false", "0", "off", "no"].map((word) => [word, false] as const),
]);

/** Typed access to the entries of all files, later ones winning. Remembers what was asked for: the rest is unknown. */
export class OptionReader {
  readonly warnings: ConfigurationWarning[] = [];
  readonly #entries = new Map<string, IniEntry>();
  readonly #asked = new Set<string>();
  readonly #sections = new Set<string>();

  constructor(entries: readonly IniEntry[]) {
    for (const entry of entries) this.#entries.set(`${entry.section}.${entry.key}`, entry);
  }

  entry(section: string, key: string): IniEntry | undefined {
    this.#asked.add(`${section}.${key}`);
    this.#sections.add(section);
    return this.#entries.get(`${section}.${key}`);
  }

  text(section: string, key: string, fallback: string): string {
    return this.entry(section, key)?.value ?? fallback;
  }

  /** An absolute path; an empty value is a mistake, not the root folder. */
  path(section: string, key: string, fallback: string): string {
    const entry = this.entry(section, key);
    if (!entry) return fallback;
    if (!/^\/[^\n]*$/.test(entry.value)) throw this.#bad(entry, "wants an absolute path");
    return entry.value;
  }

  integer(section: string, key: string, fallback: number, range: { from: number; to: number }): number {
    const entry = this.entry(section, key);
    if (!entry) return fallback;
    const value = /^[+-]?\d{1,15}$/.test(entry.value) ? Number(entry.value) : Number.NaN;
    if (!(value >= range.from && value <= range.to)) {
      throw this.#bad(entry, `wants a whole number from ${range.from} to ${range.to}`);
    }
    return value;
  }

  boolean(section: string, key: string, fallback: boolean): boolean {
    const entry = this.entry(section, key);
    if (!entry) return fallback;
    const value = truths.get(entry.value.toLowerCase());
    if (value === undefined) throw this.#bad(entry, "wants True or False");
    return value;
  }

  /** One of the words, in any case, spelled as in `words`. */
  choice<Word extends string>(section: string, key: string, fallback: Word, words: readonly Word[]): Word {
    const entry = this.entry(section, key);
    if (!entry) return fallback;
    const value = words.find((word) => word.toLowerCase() === entry.value.toLowerCase());
    if (value === undefined) throw this.#bad(entry, `wants one of ${words.join(", ")}`);
    return value;
  }

  warn(entry: IniEntry, message: string): void {
    this.warnings.push({ file: entry.file, line: entry.line, message: `[${entry.section}] ${entry.key} ${message}` });
  }

  /** Options of stock files that mean nothing to us are neither used nor worth a warning. */
  warnAboutUnknown(knownButUnused: readonly string[]): void {
    const known = new Set([...this.#asked, ...knownButUnused]);
    for (const [name, entry] of this.#entries) {
      if (known.has(name)) continue;
      this.warn(entry, this.#sections.has(entry.section) ? "is not an option here" : "is in a section unknown here");
    }
  }

  /** Never with the value: the option may be a secret one, or a secret may have slipped into it. */
  #bad(entry: IniEntry, wants: string): ConfigurationError {
    return new ConfigurationError(entry.file, entry.line, `[${entry.section}] ${entry.key} ${wants}`);
  }
}
