import type { ControllerAddress } from "./agent-configuration.ts";

interface ControllerList {
  controllers: ControllerAddress[];
  /** Entries from the first one without a port on: ignored, as the original does. */
  ignored: string[];
}

export type ControllerListResult = ({ ok: true } & ControllerList) | { ok: false; reason: string };

/** `ip:port`, `[v6]:port` or `name:port`, comma separated, read from left to right. */
export function parseControllerList(value: string): ControllerListResult {
  const entries = value
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const controllers: ControllerAddress[] = [];
  for (const [index, entry] of entries.entries()) {
    const parts = /^(?:\[(?<bracketed>[^[\]\s]+)\]|(?<plain>[^[\]\s]+)):(?<port>[^:\s]*)$/.exec(entry)?.groups;
    const host = parts?.["bracketed"] ?? parts?.["plain"];
    const port = parts?.["port"] ?? "";
    if (host === undefined || port === "") return { ok: true, controllers, ignored: entries.slice(index) };
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      return { ok: false, reason: `${JSON.stringify(entry)} has a port outside 1..65535` };
    }
    controllers.push({ host, port: Number(port) });
  }
  return { ok: true, controllers, ignored: [] };
}
