import { ConfigurationError } from "./configuration-error.ts";

/** One `key = value` as it stands in a file. */
export interface IniEntry {
  section: string;
  key: string;
  value: string;
  file: string;
  line: number;
}

/** Far above any real file; a larger one is a mistake and would only cost memory. */
const CONFIGURATION_FILE_LIMIT_BYTES = 1024 * 1024;

/**
 * Reads the INI dialect of oslo.config (`oslo_config/iniparser.py`): `key = value` or `key: value`, whichever sign comes
 * first; comments begin with `#` or `;` in the first column; an indented line continues the value above it until a blank
 * line; one pair of equal quotes around a value is dropped. `$name` is not replaced: stock files never use it.
 * Errors name the line and never show it, because the line may be the one with the key.
 */
export function parseIni(text: string, file: string): IniEntry[] {
  if (text.length > CONFIGURATION_FILE_LIMIT_BYTES) throw new ConfigurationError(file, undefined, "larger than 1 MiB");
  const entries: IniEntry[] = [];
  let section: string | undefined;
  let open: IniEntry | undefined; // the entry that continuation lines belong to

  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = index + 1;
    const fail = (reason: string) => new ConfigurationError(file, line, reason);
    const content = raw.trimEnd();
    if (content.includes("\0")) throw fail("a NUL byte");
    if (content === "") {
      open = undefined;
    } else if (content.startsWith(" ") || content.startsWith("\t")) {
      if (!open) throw fail("an indented line continues a value, and there is none above it");
      open.value += `\n${content.trimStart()}`;
    } else if (content.startsWith("#") || content.startsWith(";")) {
      open = undefined;
    } else if (content.startsWith("[")) {
      if (!content.endsWith("]")) throw fail("a section name must end with ]");
      section = sectionName(content.slice(1, -1));
      if (section === "") throw fail("an empty section name");
      open = undefined;
    } else {
      if (section === undefined) throw fail("an option before the first [section]");
      const sign = /[=:]/.exec(content)?.index;
      if (sign === undefined) throw fail("neither [section] nor key = value");
      const key = content.slice(0, sign).trim();
      if (key === "") throw fail("no key in front of the equals sign");
      open = { section, key, value: unquoted(content.slice(sign + 1).trim()), file, line };
      entries.push(open);
    }
  }
  return entries;
}

/** oslo.config matches sections without regard to case, `DEFAULT` being the one that stays as it is. */
function sectionName(name: string): string {
  const trimmed = name.trim();
  return trimmed.toUpperCase() === "DEFAULT" ? "DEFAULT" : trimmed.toLowerCase();
}

function unquoted(value: string): string {
  const first = value[0];
  return value.length >= 2 && (first === '"' || first === "'") && value.endsWith(first) ? value.slice(1, -1) : value;
}
