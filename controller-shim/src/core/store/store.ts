import type { Rows, TableName } from "./rows.ts";

/** The state database as the core sees it. SQLite by default, PostgreSQL when more than one controller runs. */
export interface Store extends Tables {
  /**
   * Runs `work` in one serialised write transaction; what it wrote is on disk (synchronous=FULL) when the promise
   * resolves, and not at all when it rejects. Not re-entrant.
   */
  transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export interface Tables {
  get<Name extends TableName>(table: Name, id: string): Promise<Rows[Name] | undefined>;
  /** Rows equal in every given column, ordered by created_at (where there is one) and id. */
  list<Name extends TableName>(table: Name, where?: Partial<Rows[Name]>): Promise<Rows[Name][]>;
  /** Throws `StoreConflict` when a unique index forbids it. */
  insert<Name extends TableName>(table: Name, row: Rows[Name]): Promise<void>;
  /** False when there is no such row, or it no longer equals `expected`: the compare-and-set of leases. */
  update<Name extends TableName>(
    table: Name,
    id: string,
    change: Partial<Rows[Name]>,
    expected?: Partial<Rows[Name]>,
  ): Promise<boolean>;
  remove<Name extends TableName>(table: Name, id: string): Promise<boolean>;
}

/** A unique index refused a row: two writers wanted the same address, port or name. */
export class StoreConflict extends Error {
  readonly constraint: string;

  constructor(constraint: string, options?: ErrorOptions) {
    super(`unique constraint ${constraint} refused the row`, options);
    this.name = "StoreConflict";
    this.constraint = constraint;
  }
}

/** Nothing was written: no space, or another process keeps the database. It may be tried again later. */
export class StoreUnavailable extends Error {
  readonly why: "full" | "busy";

  constructor(why: StoreUnavailable["why"], options?: ErrorOptions) {
    super(
      why === "full" ? "no space is left for the state database" : "another process keeps the state database locked",
      options,
    );
    this.name = "StoreUnavailable";
    this.why = why;
  }
}
