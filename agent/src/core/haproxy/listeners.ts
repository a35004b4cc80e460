import type { ListenerSummary } from "../../contract/rest.ts";
import { linesOf, parseSections, type Section } from "./configuration-sections.ts";

/** What a stored configuration says about itself, read once per upload. */
export interface ConfigurationSummary {
  listeners: ListenerSummary[];
  /** Undefined: no `stats socket` in the text. */
  statisticsSocket: string | undefined;
}

export function summarize(
  text: string,
  sections: readonly Section[] = parseSections(text.split("\n")),
): ConfigurationSummary {
  const listeners = sections
    .filter((section) => section.kind === "frontend")
    .map((section): ListenerSummary => {
      const mode = linesOf(section, "mode").at(-1)?.words()[1] ?? "tcp";
      const terminates = linesOf(section, "bind").some(
        (line) => line.words().includes("ssl") && line.words().includes("crt-list"),
      );
      // Always ACTIVE, and the internal Prometheus frontend is listed too: as the reference answers.
      const type = terminates ? "TERMINATED_HTTPS" : mode === "http" ? "HTTP" : "TCP";
      return { uuid: section.words[0] ?? "", status: "ACTIVE", type };
    });
  const socket = sections
    .filter((section) => section.kind === "global")
    .flatMap((section) => linesOf(section, "stats", "socket"))
    .at(0)
    ?.words()[2];
  return { listeners, statisticsSocket: socket };
}
