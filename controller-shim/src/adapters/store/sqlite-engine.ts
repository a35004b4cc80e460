import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from "kysely";
import { uniqueIndexes } from "../../core/store/unique-indexes.ts";
import type { Engine } from "./engine.ts";

/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY: https://www.sqlite.org/rescode.html */
const UNIQUE_VIOLATIONS = [2067, 1555];
/** SQLITE_FULL and SQLITE_BUSY, the low byte of an extended code. */
const FULL = 13;
const BUSY = 5;
/** Another process may write for a moment: a backup, a person with a shell. SQLite waits standing still, we do not. */
const BUSY_TIMEOUT_MS = 5_000;
const BUSY_STANDSTILL_MS = 10;
const BUSY_RETRY_MS = 20;
const CACHED_STATEMENTS_MAX = 256;

/** Everything that is SQLite's own. `path` may be ":memory:". */
export function sqliteEngine(path: string): Engine {
  // Our file, and with it SQLite's -wal and -shm beside it, is for the owner only.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  database.exec("pragma journal_mode = wal; pragma synchronous = full;");
  const [damage] = Object.values(database.prepare("pragma quick_check(1)").get() ?? {});
  if (damage !== "ok") {
    database.close();
    throw new Error(`database disk image is malformed: ${String(damage)}`);
  }
  database.exec(`pragma busy_timeout = ${BUSY_STANDSTILL_MS}`);
  const dialect = new ImmediateSqliteDialect({ database: wrap(database) }, () => database.isTransaction);
  return { dialect, conflictOf, unavailabilityOf };
}

/** Kysely wants better-sqlite3's shape. */
function wrap(database: DatabaseSync): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(text) {
      const known = cache.get(text);
      if (known) return known;
      const statement = shapeOf(database.prepare(text));
      if (cache.size >= CACHED_STATEMENTS_MAX) cache.clear();
      cache.set(text, statement);
      return statement;
    },
  };
}

function shapeOf(statement: StatementSync): SqliteStatement {
  type Values = Parameters<StatementSync["all"]>;
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as Values)),
    run: (parameters) => statement.run(...(parameters as Values)),
    iterate: (parameters) => statement.iterate(...(parameters as Values)),
  };
}

/** Takes the write lock at once: a transaction that reads first and then writes cannot fail half-way. */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #isOpen: () => boolean;

  constructor(config: SqliteDialectConfig, isOpen: () => boolean) {
    super(config);
    this.#isOpen = isOpen;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    for (const giveUpAtMs = performance.now() + BUSY_TIMEOUT_MS; ; await sleep(BUSY_RETRY_MS)) {
      try {
        await connection.executeQuery(CompiledQuery.raw("begin immediate"));
        return;
      } catch (error) {
        if (unavailabilityOf(error) !== "busy" || performance.now() > giveUpAtMs) throw error;
      }
    }
  }

  /** SQLite has rolled back by itself when the disk is full: a second time would hide that behind another error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#isOpen()) await super.rollbackTransaction(connection);
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  readonly #isOpen: () => boolean;

  constructor(config: SqliteDialectConfig, isOpen: () => boolean) {
    super(config);
    this.#config = config;
    this.#isOpen = isOpen;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config, this.#isOpen);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

/** SQLite rolls back schema changes too: a migration cut short leaves nothing behind. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function unavailabilityOf(error: unknown): "full" | "busy" | undefined {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
  if (code === FULL) return "full";
  return code === BUSY ? "busy" : undefined;
}

/** "UNIQUE constraint failed: member.pool_id, member.address" names columns; we want the index. */
function conflictOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  if (!UNIQUE_VIOLATIONS.includes(Number(error.errcode))) return undefined;
  const columns = error.message.replace(/^.*failed: /, "");
  const index = uniqueIndexes.find((each) => each.columns.map((one) => `${each.table}.${one}`).join(", ") === columns);
  return index?.name ?? columns;
}
