import { type Line, linesOf, parseSections, type Section } from "./configuration-sections.ts";
import type { LineMap } from "./line-map.ts";

/** What the machine allows. */
export interface DerivationFacts {
  /** The limit of open files haproxy will get. */
  openFilesLimit: number;
  maxconnOverLimit: "cap" | "refuse";
}

type DerivationChange =
  | { what: "maxconn-capped"; line: number; wanted: number; capped: number; openFilesLimit: number }
  | { what: "idle-close-on-response"; section: string };

export type Derivation =
  | { ok: true; text: string; changes: DerivationChange[]; lineMap: LineMap }
  /** In haproxy's manner of telling: `line` is the text's own. */
  | { ok: false; line: number; reason: string };

const IDLE_CLOSE = "idle-close-on-response";

/**
 * What haproxy runs, from what was stored. Two changes and no other: `maxconn` as far as the limit of open files
 * allows (`haproxy -c` does not test it, the start would fail), and `option idle-close-on-response` in every HTTP
 * frontend, so that a reload fails no request on an idle connection. Text is latin1, one character per byte.
 */
export function deriveRunningConfiguration(
  text: string,
  facts: DerivationFacts,
  sections: readonly Section[] = parseSections(text.split("\n")),
): Derivation {
  const lines = text.split("\n");
  const changes: DerivationChange[] = [];

  const wanted = globalMaxconn(sections);
  if (wanted !== undefined) {
    const capped = affordableMaxconn(sections, facts.openFilesLimit);
    if (wanted.value > capped) {
      const line = wanted.line.index + 1;
      if (capped < 1 || facts.maxconnOverLimit === "refuse") {
        const reason = `maxconn ${wanted.value} needs more open files than the limit of ${facts.openFilesLimit} allows`;
        return { ok: false, line, reason: `${reason} (largest possible maxconn: ${Math.max(0, capped)})` };
      }
      const { openFilesLimit } = facts;
      lines[wanted.line.index] = cappedLine({ wanted: wanted.value, capped, openFilesLimit });
      changes.push({ what: "maxconn-capped", line, wanted: wanted.value, capped, openFilesLimit });
    }
  }

  const insertAfter = new Set<number>();
  for (const section of httpFrontends(sections)) {
    insertAfter.add(section.start);
    changes.push({ what: IDLE_CLOSE, section: section.words[0] ?? "" });
  }
  const lineMap: number[] = [];
  const derived: string[] = [];
  lines.forEach((line, index) => {
    derived.push(line);
    lineMap.push(index + 1);
    if (!insertAfter.has(index)) return;
    derived.push(`    option ${IDLE_CLOSE}`);
    lineMap.push(0);
  });
  return { ok: true, text: derived.join("\n"), changes, lineMap };
}

/** The cap is written into the derived file itself, so that an agent that adopts a running haproxy knows of it. */
function cappedLine(cap: { wanted: number; capped: number; openFilesLimit: number }): string {
  return `    maxconn ${cap.capped} # agent: ${cap.wanted} wanted, open files limited to ${cap.openFilesLimit}`;
}

export function readCap(runningText: string): { wanted: number; capped: number; openFilesLimit: number } | undefined {
  const found = /^ {4}maxconn (\d+) # agent: (\d+) wanted, open files limited to (\d+)$/m.exec(runningText);
  if (!found) return undefined;
  return { capped: Number(found[1]), wanted: Number(found[2]), openFilesLimit: Number(found[3]) };
}

/** haproxy takes the first one, wherever a second stands, and of its word the digits it begins with (atol(3)). */
function globalMaxconn(sections: readonly Section[]): { line: Line; value: number } | undefined {
  const line = sections
    .filter((section) => section.kind === "global")
    .flatMap((section) => linesOf(section, "maxconn"))
    .at(0);
  const value = Number(/^\+?(\d+)/.exec(line?.words()[1] ?? "")?.[1] ?? 0);
  return line && value > 0 ? { line, value } : undefined;
}

/**
 * Files haproxy opens beside connections: its reserve, logs, peers and up to 64 threads of three each
 * (haproxy 2.6, `init()`: maxsock). Each listening address and each server check adds its own.
 */
const FIXED_FILES = 256;

/** Two files a connection, and half a pipe of two files where data is spliced (one connection in four). */
const FILES_PER_CONNECTION = 2;
const FILES_PER_SPLICED_CONNECTION = 2.5;

/** The largest `maxconn` haproxy starts with under this limit of open files. */
function affordableMaxconn(sections: readonly Section[], openFilesLimit: number): number {
  let files = FIXED_FILES;
  let spliced = false;
  for (const section of sections) {
    for (const line of section.lines) {
      if (line.keyword === "bind") files += 1 + (line.words()[1]?.split(",").length ?? 0);
      else if (line.keyword === "server" || line.keyword === "server-template") files += serverFiles(line.words());
      else if (line.keyword === "option" && line.words()[1]?.startsWith("splice-") === true) spliced = true;
    }
  }
  return Math.floor((openFilesLimit - files) / (spliced ? FILES_PER_SPLICED_CONNECTION : FILES_PER_CONNECTION));
}

function serverFiles(words: readonly string[]): number {
  const count = words[0] === "server-template" ? Number(/(\d+)$/.exec(words[2] ?? "")?.[1] ?? 1) : 1;
  return count * (1 + (words.includes("check") ? 1 : 0) + (words.includes("agent-check") ? 1 : 0));
}

/** Frontends of HTTP mode in which nobody has decided about the option, neither there nor in their defaults. */
function httpFrontends(sections: readonly Section[]): Section[] {
  const found: Section[] = [];
  let defaults: Section | undefined;
  for (const section of sections) {
    if (section.kind === "defaults") defaults = section;
    if (section.kind !== "frontend" && section.kind !== "listen") continue;
    const from = section.words[1] === "from" ? section.words[2] : undefined;
    const parents = ancestry(sections, from === undefined ? defaults : namedDefaults(sections, from));
    const mode = [section, ...parents].map((each) => linesOf(each, "mode").at(-1)?.words()[1]).find(Boolean);
    if (mode === "http" && ![section, ...parents].some(decides)) found.push(section);
  }
  return found;
}

function decides(section: Section): boolean {
  return section.lines.some((line) => {
    if (!["option", "no", "default"].includes(line.keyword)) return false;
    const words = line.words();
    const [option, name] = words[0] === "no" || words[0] === "default" ? words.slice(1) : words;
    return option === "option" && name === IDLE_CLOSE;
  });
}

/** A defaults section and those it is made `from` (haproxy 2.4 and later). */
function ancestry(sections: readonly Section[], first: Section | undefined): Section[] {
  const chain: Section[] = [];
  for (let each = first; each && !chain.includes(each); ) {
    chain.push(each);
    const from = each.words.indexOf("from");
    each = from === -1 ? undefined : namedDefaults(sections, each.words[from + 1]);
  }
  return chain;
}

function namedDefaults(sections: readonly Section[], name: string | undefined): Section | undefined {
  return sections.find((section) => section.kind === "defaults" && section.words[0] === name);
}
