/** As stock's unit has it: enough for the largest `maxconn` a controller sends (1,000,000, spliced). */
export const WANTED_OPEN_FILES = 2_600_000;

/** How many files a service will be allowed to open. */
export interface OpenFilesLimit {
  limit(): Promise<number>;
}
