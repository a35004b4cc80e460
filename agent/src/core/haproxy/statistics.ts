/**
 * One query gives frontends (1), backends (2) and servers (4); listeners (8) are left out. Never `show stat json`: with
 * 1,000 servers it is 12.7 MB instead of 350 kB.
 */
export const STATISTICS_COMMAND = "show stat -1 7 -1";

/** A frontend's counters since haproxy (re)started, under haproxy's own column names; `scur` is a gauge. */
export interface FrontendStatistics {
  status: string;
  bin: number;
  bout: number;
  stot: number;
  ereq: number;
  scur: number;
}

interface BackendStatistics {
  status: string;
  /** Status by server name. */
  members: Record<string, string>;
}

export interface HaproxyStatistics {
  /** By proxy name: the listener id. */
  frontends: Map<string, FrontendStatistics>;
  /** By proxy name: `<pool id>:<listener id>`. */
  backends: Map<string, BackendStatistics>;
}

export type StatisticsResult = { ok: true; value: HaproxyStatistics } | { ok: false; why: string };

const NEEDED = ["pxname", "svname", "scur", "stot", "bin", "bout", "ereq", "status", "weight"] as const;
type Column = (typeof NEEDED)[number];

const COMMA = ",";
const DIGIT_0 = 48;
const DIGIT_9 = 57;

/**
 * Reads the CSV of `show stat`. Column positions come from the header; a row is cut up to the last needed column only,
 * which lies before the free-text columns that may be quoted. haproxy's names cannot hold commas or quotes.
 * An answer that does not end with haproxy's empty line was cut off, and half a table would report listeners as lost.
 */
export function parseStatistics(text: string): StatisticsResult {
  if (!text.startsWith("# ")) return { ok: false, why: `no header: ${excerpt(text)}` };
  if (!text.endsWith("\n\n")) return { ok: false, why: "the answer is cut off" };
  const headerEnd = text.indexOf("\n");
  const columns = columnsOf(text.slice(2, headerEnd).split(COMMA));
  if (typeof columns === "string") return { ok: false, why: `no column ${columns}` };
  const { at, count } = columns;

  const frontends = new Map<string, FrontendStatistics>();
  const backends = new Map<string, BackendStatistics>();
  // Field n of the row is text.slice(begins[n], begins[n + 1] - 1): no array of strings per row.
  const begins = new Int32Array(count + 1);
  const field = (column: number): string => text.slice(begins[column], (begins[column + 1] as number) - 1);
  const number = (column: number): number => digits(text, begins[column] as number, (begins[column + 1] as number) - 1);

  let begin = headerEnd + 1;
  for (let end = text.indexOf("\n", begin); end > begin; begin = end + 1, end = text.indexOf("\n", begin)) {
    begins[0] = begin;
    for (let column = 0; column < count; column++) {
      const comma = text.indexOf(COMMA, begins[column]);
      if (comma === -1 || comma > end)
        return { ok: false, why: `a row is too short: ${excerpt(text.slice(begin, end))}` };
      begins[column + 1] = comma + 1;
    }
    const proxy = field(at.pxname);
    if (proxy.includes("prometheus")) continue; // haproxy's internal exporter, as the reference drops it
    const service = field(at.svname);
    const status = field(at.status);
    if (service === "FRONTEND") {
      const row = {
        status,
        bin: number(at.bin),
        bout: number(at.bout),
        stot: number(at.stot),
        ereq: number(at.ereq),
        scur: number(at.scur),
      };
      if (row.bin < 0 || row.bout < 0 || row.stot < 0 || row.ereq < 0 || row.scur < 0) {
        return { ok: false, why: `not a number: ${excerpt(text.slice(begin, end))}` };
      }
      frontends.set(proxy, row);
      continue;
    }
    let backend = backends.get(proxy);
    if (!backend) {
      // Without prototype: a server may be called `__proto__`, and V8 makes no hidden class per member id.
      backend = { status: "", members: Object.create(null) as Record<string, string> };
      backends.set(proxy, backend);
    }
    if (service === "BACKEND") backend.status = status;
    else backend.members[service] = status === "UP" && field(at.weight) === "0" ? "DRAIN" : status;
  }
  if (begin !== text.length - 1) return { ok: false, why: "rows after the end of the table" };
  for (const [name, backend] of backends) {
    if (backend.status === "") return { ok: false, why: `no BACKEND row: ${excerpt(name)}` };
  }
  return { ok: true, value: { frontends, backends } };
}

/** Positions of the needed columns, and how many columns to cut from each row; a string names a missing one. */
function columnsOf(header: string[]): { at: Record<Column, number>; count: number } | Column {
  const at = {} as Record<Column, number>;
  let count = 0;
  for (const name of NEEDED) {
    const position = header.indexOf(name);
    if (position === -1) return name;
    at[name] = position;
    count = Math.max(count, position + 1);
  }
  return { at, count };
}

/** A decimal number, 0 for an empty field, -1 for anything else. No substring is made: there are five per frontend. */
function digits(text: string, begin: number, end: number): number {
  let value = 0;
  for (let index = begin; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code < DIGIT_0 || code > DIGIT_9) return -1;
    value = value * 10 + (code - DIGIT_0);
  }
  return Number.isSafeInteger(value) ? value : -1;
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
