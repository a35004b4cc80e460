import type { Rows, TableName } from "../core/store/rows.ts";
import { type Store, StoreConflict, type Tables } from "../core/store/store.ts";
import { protocolFamily, uniqueIndexes } from "../core/store/unique-indexes.ts";

type AnyRow = { id: string } & Record<string, unknown>;
type Contents = Map<TableName, Map<string, AnyRow>>;

/** The state database as a fake: passes the same suite as the real one, and forgets everything. */
export class MemoryStore implements Store {
  #contents: Contents = new Map();
  #last: Promise<unknown> = Promise.resolve();

  async transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      const draft: Contents = new Map([...this.#contents].map(([table, rows]) => [table, new Map(rows)]));
      const result = await work(new MemoryTables(draft));
      this.#contents = draft;
      return result;
    });
  }

  async close(): Promise<void> {
    await this.#last;
  }

  async get<Name extends TableName>(table: Name, id: string): Promise<Rows[Name] | undefined> {
    return new MemoryTables(this.#contents).get(table, id);
  }

  async list<Name extends TableName>(table: Name, where: Partial<Rows[Name]> = {}): Promise<Rows[Name][]> {
    return new MemoryTables(this.#contents).list(table, where);
  }

  async insert<Name extends TableName>(table: Name, row: Rows[Name]): Promise<void> {
    return this.transaction((tables) => tables.insert(table, row));
  }

  async update<Name extends TableName>(
    table: Name,
    id: string,
    change: Partial<Rows[Name]>,
    expected: Partial<Rows[Name]> = {},
  ): Promise<boolean> {
    return this.transaction((tables) => tables.update(table, id, change, expected));
  }

  async remove<Name extends TableName>(table: Name, id: string): Promise<boolean> {
    return this.transaction((tables) => tables.remove(table, id));
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

class MemoryTables implements Tables {
  readonly #contents: Contents;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  async get<Name extends TableName>(table: Name, id: string): Promise<Rows[Name] | undefined> {
    return structuredClone(this.#rows(table).get(id)) as Rows[Name] | undefined;
  }

  async list<Name extends TableName>(table: Name, where: Partial<Rows[Name]> = {}): Promise<Rows[Name][]> {
    const found = [...this.#rows(table).values()].filter((row) => matches(row, where));
    return structuredClone(found.sort(byAge)) as unknown as Rows[Name][];
  }

  async insert<Name extends TableName>(table: Name, row: Rows[Name]): Promise<void> {
    const rows = this.#rows(table);
    if (rows.has(row.id)) throw new StoreConflict(`${table}.id`);
    this.#put(table, { ...row });
  }

  async update<Name extends TableName>(
    table: Name,
    id: string,
    change: Partial<Rows[Name]>,
    expected: Partial<Rows[Name]> = {},
  ): Promise<boolean> {
    const row = this.#rows(table).get(id);
    if (!row || !matches(row, expected)) return false;
    this.#put(table, { ...row, ...change });
    return true;
  }

  async remove<Name extends TableName>(table: Name, id: string): Promise<boolean> {
    const removed = this.#rows(table).delete(id);
    if (removed) for (const [child, column] of children[table] ?? []) await this.#removeBelow(child, column, id);
    return removed;
  }

  async #removeBelow(table: TableName, column: string, parentId: string): Promise<void> {
    for (const row of this.#rows(table).values().toArray()) {
      if (row[column] !== parentId) continue;
      if (column === "default_pool_id" || column === "redirect_pool_id") this.#put(table, { ...row, [column]: null });
      else await this.remove(table, row.id);
    }
  }

  #put(table: TableName, row: AnyRow): void {
    for (const index of uniqueIndexes) {
      if (index.table !== table) continue;
      const key = (each: AnyRow) => JSON.stringify(index.columns.map((column) => indexed(each, column)));
      const taken = [...this.#rows(table).values()].some((each) => each.id !== row.id && key(each) === key(row));
      if (taken) throw new StoreConflict(index.name);
    }
    this.#rows(table).set(row.id, structuredClone(row));
  }

  #rows(table: TableName): Map<string, AnyRow> {
    let rows = this.#contents.get(table);
    if (!rows) {
      rows = new Map();
      this.#contents.set(table, rows);
    }
    return rows;
  }
}

/** What the real database removes, or sets to null, with its parent. */
const children: Partial<Record<TableName, [table: TableName, column: string][]>> = {
  load_balancer: [
    ["listener", "load_balancer_id"],
    ["pool", "load_balancer_id"],
  ],
  pool: [
    ["member", "pool_id"],
    ["health_monitor", "pool_id"],
    ["listener", "default_pool_id"],
    ["l7policy", "redirect_pool_id"],
  ],
  listener: [["l7policy", "listener_id"]],
  l7policy: [["l7rule", "l7policy_id"]],
};

function indexed(row: AnyRow, column: string): unknown {
  return column === "protocol_family" ? protocolFamily(String(row["protocol"])) : row[column];
}

function matches(row: AnyRow, where: object): boolean {
  return Object.entries(where).every(([column, value]) => JSON.stringify(row[column]) === JSON.stringify(value));
}

function byAge(a: AnyRow, b: AnyRow): number {
  const created = (row: AnyRow) => (typeof row["created_at"] === "string" ? row["created_at"] : "");
  const [older, younger] = [`${created(a)} ${a.id}`, `${created(b)} ${b.id}`];
  return older < younger ? -1 : older > younger ? 1 : 0;
}
