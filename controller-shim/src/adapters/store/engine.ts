import type { Dialect } from "kysely";

/** What differs between database engines; everything else is portable SQL through kysely. */
export interface Engine {
  dialect: Dialect;
  /** Name of the unique index that refused a row, if that is what the error says. */
  conflictOf(error: unknown): string | undefined;
  /** Whether nothing was written for want of space, or because somebody else had the database. */
  unavailabilityOf(error: unknown): "full" | "busy" | undefined;
}
