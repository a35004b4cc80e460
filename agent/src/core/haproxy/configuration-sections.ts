/** A haproxy configuration as sections of lines: as much of its grammar as the agent has to understand. */
export interface Section {
  kind: string;
  /** Words after the keyword: the name, `from` and so on. */
  words: readonly string[];
  /** Index of the header line. */
  start: number;
  lines: readonly Line[];
}

export interface Line {
  /** From 0. */
  index: number;
  /** The first word. */
  keyword: string;
  /** All of them; taken apart when asked for, since most lines of a large configuration are of no interest. */
  words(): readonly string[];
}

/** Keywords that end the section before them, wherever in the line they stand (haproxy ignores indentation). */
const SECTIONS = new Set(
  `global defaults frontend backend listen peers userlist resolvers mailers program ring cache http-errors fcgi-app
   log-forward crt-store traces acme log-profile`.split(/\s+/),
);

export function parseSections(lines: readonly string[]): Section[] {
  const sections: (Section & { lines: Line[] })[] = [];
  lines.forEach((line, index) => {
    const keyword = firstWord(line);
    if (keyword === "") return;
    if (SECTIONS.has(keyword)) {
      sections.push({ kind: keyword, words: splitWords(line).slice(1), start: index, lines: [] });
    } else {
      sections.at(-1)?.lines.push({ index, keyword, words: () => splitWords(line) });
    }
  });
  return sections;
}

/** Empty for a blank line and for a comment. */
function firstWord(line: string): string {
  let start = 0;
  while (isSpace(line.charCodeAt(start))) start++;
  let end = start;
  for (; end < line.length; end++) {
    const code = line.charCodeAt(end);
    if (isSpace(code)) break;
    if (code === 35 || code === 34 || code === 39 || code === 92) return splitWords(line)[0] ?? ""; // # " ' \
  }
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** One line into words: quotes, backslashes and comments as haproxy reads them (configuration manual, 2.2). */
export function splitWords(line: string): string[] {
  if (!/["'\\#]/.test(line)) return line.split(/[ \t\v\f\r]+/).filter((word) => word !== "");
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (quote === "" && character === "#") break;
    if (quote === "" && isSpace(character.charCodeAt(0))) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote !== "'" && character === "\\" && at + 1 < line.length) {
      word = (word ?? "") + line.charAt(++at);
    } else if (character === quote) {
      quote = "";
    } else if (quote === "" && (character === '"' || character === "'")) {
      quote = character;
      word ??= "";
    } else {
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The section's own lines that begin with these words. */
export function linesOf(section: Section, keyword: string, second?: string): Line[] {
  return section.lines.filter(
    (line) => line.keyword === keyword && (second === undefined || line.words()[1] === second),
  );
}
