import type { Migration } from "kysely/migration";
import { up as initial } from "./0001-initial.ts";

/** In the order of their names; a released one never changes. */
export const migrations: Record<string, Migration> = {
  "0001-initial": { up: initial },
};
