/** As stock's unit has it: enough for the largest `maxconn` a controller sends (1,000,000, spliced). */
export const WANTED_OPEN_FILES = 2_600_000;

/** How many files a service will be allowed to open. */
export interface OpenFilesLimit {
  limit(): Promise<number>;
}

/** Of `/proc/<pid>/limits`. */
export function hardLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard ?? 1024);
}
