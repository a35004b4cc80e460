import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { describe } from "../../core/lifecycle/failure.ts";
import type { Rows, TableName } from "../../core/store/rows.ts";
import { type Store, StoreConflict, StoreUnavailable, type Tables } from "../../core/store/store.ts";
import { columnNames, decodeRow, encodeRow, type StoredRow } from "./columns.ts";
import type { Engine } from "./engine.ts";
import { migrations } from "./migrations/index.ts";

type Database = Record<TableName, StoredRow>;

/** Brings the schema up to date and opens the store. */
export async function openStore(engine: Engine): Promise<Store> {
  const db = new Kysely<Database>({ dialect: engine.dialect });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    const newer = /previously executed migration (\S+) is missing/.exec(describe(error))?.[1];
    if (newer !== undefined) {
      throw new Error(`state database: a newer release has written it (${newer}), this one cannot read it`);
    }
    const failed = results?.find((each) => each.status === "Error")?.migrationName ?? "the schema";
    throw new Error(`state database: migrating ${failed} failed`, { cause: error });
  }
  return new KyselyStore(db, engine, new Turns());
}

/** Statements that follow each other for so long let everything else of this process have a turn. */
const TURN_MS = 20;

/** SQLite answers at once: without a pause ten thousand rows in a transaction would stop the process for seconds. */
class Turns {
  #startedMs = 0;

  async share(): Promise<void> {
    if (performance.now() - this.#startedMs < TURN_MS) return;
    await nextTurn();
    this.#startedMs = performance.now();
  }
}

class KyselyTables implements Tables {
  protected readonly db: Kysely<Database>;
  protected readonly engine: Engine;
  protected readonly turns: Turns;

  constructor(db: Kysely<Database>, engine: Engine, turns: Turns) {
    this.db = db;
    this.engine = engine;
    this.turns = turns;
  }

  async get<Name extends TableName>(table: Name, id: string): Promise<Rows[Name] | undefined> {
    await this.turns.share();
    const stored = await this.db
      .selectFrom(table as TableName)
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    return stored && decodeRow(table, stored);
  }

  async list<Name extends TableName>(table: Name, where: Partial<Rows[Name]> = {}): Promise<Rows[Name][]> {
    await this.turns.share();
    let query = this.db.selectFrom(table as TableName).selectAll();
    for (const [column, value] of Object.entries(encodeRow(table, where))) {
      query = value === null ? query.where(column, "is", null) : query.where(column, "=", value);
    }
    if (columnNames(table).includes("created_at")) query = query.orderBy("created_at");
    return (await query.orderBy("id").execute()).map((stored) => decodeRow(table, stored));
  }

  async insert<Name extends TableName>(table: Name, row: Rows[Name]): Promise<void> {
    await this.turns.share();
    await this.#unlessConflict(() =>
      this.db
        .insertInto(table as TableName)
        .values(encodeRow(table, row))
        .execute(),
    );
  }

  async update<Name extends TableName>(
    table: Name,
    id: string,
    change: Partial<Rows[Name]>,
    expected: Partial<Rows[Name]> = {},
  ): Promise<boolean> {
    await this.turns.share();
    // An empty change still has to say whether the row is there and as expected.
    const values = Object.keys(change).length > 0 ? encodeRow(table, change) : { id };
    let query = this.db
      .updateTable(table as TableName)
      .set(values)
      .where("id", "=", id);
    for (const [column, value] of Object.entries(encodeRow(table, expected))) {
      query = value === null ? query.where(column, "is", null) : query.where(column, "=", value);
    }
    const { numUpdatedRows } = await this.#unlessConflict(() => query.executeTakeFirst());
    return numUpdatedRows > 0n;
  }

  async remove<Name extends TableName>(table: Name, id: string): Promise<boolean> {
    await this.turns.share();
    const { numDeletedRows } = await this.db
      .deleteFrom(table as TableName)
      .where("id", "=", id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  async #unlessConflict<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      const constraint = this.engine.conflictOf(error);
      if (constraint === undefined) throw error;
      throw new StoreConflict(constraint, { cause: error });
    }
  }
}

/**
 * On an engine with one connection kysely makes everybody else wait while a transaction runs: that is what keeps half
 * of one out of sight, and why using the store inside its own transaction would wait for ever. So that is refused.
 */
class KyselyStore extends KyselyTables implements Store {
  readonly #running = new AsyncLocalStorage<{ open: boolean }>();

  async transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    this.#refuseInside();
    const running = { open: true };
    try {
      return await this.db
        .transaction()
        .execute((transaction) =>
          this.#running.run(running, () => work(new KyselyTables(transaction, this.engine, this.turns))),
        );
    } catch (error) {
      const why = this.engine.unavailabilityOf(error);
      throw why === undefined ? error : new StoreUnavailable(why, { cause: error });
    } finally {
      running.open = false;
    }
  }

  async close(): Promise<void> {
    await this.db.destroy();
  }

  override async get<Name extends TableName>(table: Name, id: string): Promise<Rows[Name] | undefined> {
    this.#refuseInside();
    return super.get(table, id);
  }

  override async list<Name extends TableName>(table: Name, where: Partial<Rows[Name]> = {}): Promise<Rows[Name][]> {
    this.#refuseInside();
    return super.list(table, where);
  }

  override async insert<Name extends TableName>(table: Name, row: Rows[Name]): Promise<void> {
    return this.transaction((tables) => tables.insert(table, row));
  }

  override async update<Name extends TableName>(
    table: Name,
    id: string,
    change: Partial<Rows[Name]>,
    expected: Partial<Rows[Name]> = {},
  ): Promise<boolean> {
    return this.transaction((tables) => tables.update(table, id, change, expected));
  }

  override async remove<Name extends TableName>(table: Name, id: string): Promise<boolean> {
    return this.transaction((tables) => tables.remove(table, id));
  }

  #refuseInside(): void {
    if (this.#running.getStore()?.open) throw new Error("inside a transaction use the tables it was given");
  }
}
