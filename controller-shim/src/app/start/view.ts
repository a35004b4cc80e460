import { colourOf, colours } from "../krater/paint.ts";

/** The live view as text: what is known goes in, lines that fit the terminal come out. No terminal in here. */
export interface ViewModel {
  runningForMs: number;
  loadBalancer: { name: string; provisioningStatus: string; operatingStatus: string };
  vipUrl: string;
  apiUrl: string;
  amphorae: { id: string; status: string; address: string }[];
  members: {
    name: string;
    address: string;
    /** Its server process runs. */
    running: boolean;
    /** As the API shows it: ONLINE, ERROR, DRAINING... */
    operatingStatus: string;
    weight: number;
    /** Answers of the last seconds, and their part of all. */
    perSecond: number;
    share: number;
  }[];
  selected: number;
  traffic: {
    perSecond: number;
    failedRecently: number;
    failed: number;
    answered: number;
    medianMs: number | undefined;
  };
  /** Newest last. */
  events: { atMs: number; text: string }[];
  /** What the last key did, or why it did not. */
  notice: string;
}

export interface ViewSize {
  columns: number;
  rows: number;
}

const BAR_WIDTH = 10;
const { bold, dim, red, cyan } = colours;

export function renderView(model: ViewModel, size: ViewSize): string[] {
  const head = renderHead(model);
  const foot = ["", ` ${model.notice}`, renderKeys()];
  const room = Math.max(0, size.rows - head.length - foot.length - 2);
  const events = model.events
    .slice(Math.max(0, model.events.length - room))
    .map((event) => `  ${dim(clockTime(event.atMs))}  ${event.text}`);
  const lines = [...head, "", bold(" Last events"), ...events];
  while (lines.length < size.rows - foot.length) lines.push("");
  // Where not all fits, the keys stay: they are the way out.
  const above = lines.slice(0, Math.max(0, size.rows - foot.length));
  return [...above, ...foot].slice(-size.rows).map((line) => cut(line, size.columns));
}

function renderHead(model: ViewModel): string[] {
  const { loadBalancer, traffic } = model;
  const amphora = model.amphorae.map((each) => each.id.slice(0, 8)).join(" + ") || "none yet";
  const serving = model.members.filter((each) => each.operatingStatus === "ONLINE").length;
  const failed = traffic.failedRecently > 0 ? red(`${traffic.failedRecently} failed`) : "0 failed";
  return [
    `${bold(" Krater")}  a load balancer on this machine, real haproxy ${dim(duration(model.runningForMs))}`,
    ` VIP ${cyan(model.vipUrl)}   API ${cyan(model.apiUrl)}`,
    "",
    `   clients -> VIP -> amphora ${amphora} -> ${serving} of ${model.members.length} members`,
    `   load balancer ${loadBalancer.name}: ${status(loadBalancer.provisioningStatus)} ${status(loadBalancer.operatingStatus)}` +
      `   ${model.amphorae.map((each) => `amphora ${status(each.status)} ${each.address}`).join("  ")}`,
    "",
    ` ${bold(`${traffic.perSecond.toFixed(1)} requests/s`)}   ${failed} in 5 s, ${traffic.failed} of ${traffic.answered + traffic.failed} in all` +
      `   median ${traffic.medianMs === undefined ? "-" : `${traffic.medianMs.toFixed(1)} ms`}`,
    "",
    bold("    member  address              server   state        weight  share"),
    ...model.members.map((member, index) => renderMember(member, index, index === model.selected)),
  ];
}

function renderMember(member: ViewModel["members"][number], index: number, selected: boolean): string {
  const bar = "█".repeat(Math.round(member.share * BAR_WIDTH)).padEnd(BAR_WIDTH, "·");
  return [
    `${selected ? bold(">") : " "}${index + 1} `,
    ` ${pad(member.name, 6)} `,
    ` ${pad(member.address, 19)} `,
    ` ${member.running ? pad("running", 7) : red(pad("stopped", 7))} `,
    ` ${status(member.operatingStatus, 11)} `,
    ` ${pad(String(member.weight), 6)} `,
    ` ${`${Math.round(member.share * 100)} %`.padStart(5)}  ${bar}`,
  ].join("");
}

function renderKeys(): string {
  const keys = ["1-9 choose", "s stop", "S start", "a add", "d drain/undrain", "k kill amphora", "q quit"];
  return ` ${keys.map((key) => `${bold(key.slice(0, key.indexOf(" ")))}${key.slice(key.indexOf(" "))}`).join("  ")}`;
}

function status(word: string, width = word.length): string {
  return colourOf(word)(pad(word, width));
}

export function clockTime(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

function pad(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Cuts at `columns` characters a person sees; escape sequences take no room, control characters of others none. */
export function cut(line: string, columns: number): string {
  let seen = 0;
  let out = "";
  for (const [part] of line.matchAll(/\p{Cc}\[\d+m|\P{Cc}/gu)) {
    if (part.startsWith("\u001b")) out += part;
    else if (seen < columns && !/\p{Cc}/u.test(part)) {
      out += part;
      seen += 1;
    }
  }
  return out;
}

/** The same without colours, for tests and terminals that have none. */
export function plain(line: string): string {
  return line.replaceAll(/\p{Cc}\[\d+m/gu, "");
}
