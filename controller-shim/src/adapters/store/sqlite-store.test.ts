import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import type { AddressRow, TableName } from "../../core/store/rows.ts";
import { uniqueIndexes } from "../../core/store/unique-indexes.ts";
import { exampleLoadBalancer, examplePool } from "../../testing/example-rows.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { storeSuite } from "../../testing/store-suite.ts";
import { columnNames } from "./columns.ts";
import { openStore } from "./kysely-store.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { sqliteEngine } from "./sqlite-engine.ts";

storeSuite("fake", async () => new MemoryStore());
storeSuite("sqlite in memory", () => openSqliteStore(":memory:"));
storeSuite("sqlite file", async () => openSqliteStore(join(await temporaryDirectory(), "state.sqlite")));

test("using the store inside its own transaction is refused, not waited for", async () => {
  const store = await openSqliteStore(":memory:");
  await expect(store.transaction(() => store.list("pool"))).rejects.toThrow("use the tables it was given");
  await expect(store.transaction(() => store.transaction(async () => 1))).rejects.toThrow("inside a transaction");
  await store.close();
});

test("a long transaction lets everything else of the process have its turns", async () => {
  const store = await openSqliteStore(":memory:");
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  await store.transaction(async (tables) => {
    const startedMs = performance.now();
    while (performance.now() - startedMs < 300) await tables.list("load_balancer");
  });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
  await store.close();
});

test("work begun in a transaction may use the store once that is over", async () => {
  const store = await openSqliteStore(":memory:");
  const ended = Promise.withResolvers<void>();
  const { later } = await store.transaction(async () => ({ later: ended.promise.then(() => store.list("pool")) }));
  ended.resolve();
  expect(await later).toEqual([]);
  await store.close();
});

test("a child without its parent is refused when the transaction ends", async () => {
  const store = await openSqliteStore(":memory:");
  await expect(store.insert("pool", examplePool())).rejects.toThrow("FOREIGN KEY");
  await store.transaction(async (tables) => {
    await tables.insert("pool", examplePool());
    await tables.insert("load_balancer", exampleLoadBalancer());
  });
  expect(await store.list("pool")).toHaveLength(1);
  await store.close();
});

test("the file is the owner's alone, in WAL mode, and opens again with its rows", async () => {
  const path = join(await temporaryDirectory(), "state.sqlite");
  const store = await openSqliteStore(path);
  await store.insert("load_balancer", exampleLoadBalancer());
  for (const file of [path, `${path}-wal`]) expect((await stat(file)).mode & 0o777).toBe(0o600);
  await store.close();
  const again = await openSqliteStore(path);
  expect(await again.list("load_balancer")).toEqual([exampleLoadBalancer()]);
  await again.close();
  const raw = new DatabaseSync(path, { readOnly: true });
  expect(raw.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
  raw.close();
});

test("the schema has exactly the columns and the unique indexes the code believes in", async () => {
  const path = join(await temporaryDirectory(), "state.sqlite");
  await (await openSqliteStore(path)).close();
  const raw = new DatabaseSync(path, { readOnly: true });
  const names = (text: string) =>
    raw
      .prepare(text)
      .all()
      .map((row) => String(row["name"]));
  const tables: TableName[] = ["load_balancer", "listener", "pool", "member", "health_monitor", "l7policy", "l7rule"];
  for (const table of [...tables, "amphora", "address", "listener_statistics"] as TableName[]) {
    const derived = table === "listener" ? ["protocol_family"] : [];
    expect(names(`pragma table_info(${table})`).sort()).toEqual([...columnNames(table), ...derived].sort());
  }
  for (const index of uniqueIndexes) expect(names(`pragma index_info(${index.name})`)).toEqual(index.columns);
  raw.close();
});

test("a file of a newer release is told from a broken one", async () => {
  const path = await written();
  withRaw(path, (raw) => raw.exec("insert into kysely_migration values ('9999-later', '2099-01-01')"));
  await expect(openSqliteStore(path)).rejects.toThrow("a newer release has written it (9999-later)");
});

test.for([
  {
    name: "a file that is no database",
    damage: (path: string) =>
      writeFileSync(path, "this is not a database, and it is long enough to be read as one".repeat(50)),
    want: "file is not a database",
  },
  { name: "half a file", damage: (path: string) => truncateSync(path, 5_000), want: "malformed" },
  {
    name: "a file with a page of something else",
    damage: (path: string) => {
      const bytes = readFileSync(path);
      bytes.fill(0x5a, 3 * 4_096, 4 * 4_096);
      writeFileSync(path, bytes);
    },
    want: "malformed",
  },
])("$name is one clear error, when it is opened", async ({ damage, want }) => {
  const path = await written();
  damage(path);
  await expect(async () => openSqliteStore(path)).rejects.toThrow(want);
});

test("while another process writes, nothing stands still, and the write follows", async () => {
  const path = await written();
  const store = await openSqliteStore(path);
  const other = new DatabaseSync(path);
  other.exec("begin immediate");
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  setTimeout(() => other.exec("rollback"), 300);
  expect(await store.update("load_balancer", exampleLoadBalancer().id, { name: "later" })).toBe(true);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
  other.close();
  await store.close();
});

test("a disk that is full is told as that; nothing is half written, and with space it goes on", async () => {
  const path = await written();
  const engine = sqliteEngine(path);
  const store = await openStore(engine);
  // SQLite's own limit refuses with the same code a full disk does.
  const db = new Kysely<Record<string, never>>({ dialect: engine.dialect });
  await sql`pragma max_page_count = 1`.execute(db);
  const many = store.transaction(async (tables) => {
    for (let n = 0; n < 500; n++) await tables.insert("address", address(n));
  });
  await expect(many).rejects.toMatchObject({ name: "StoreUnavailable", why: "full" });
  expect(await store.list("address")).toEqual([]);
  await sql`pragma max_page_count = 1000000`.execute(db);
  await store.insert("address", address(1));
  expect(await store.list("address")).toHaveLength(1);
  await store.close();
});

const address = (n: number): AddressRow => ({
  id: `address-${n}`,
  subnet_id: "x".repeat(200),
  address: `192.0.2.${n}`,
  owner_id: "nobody",
  purpose: "vip",
});

async function written(): Promise<string> {
  const path = join(await temporaryDirectory(), "state.sqlite");
  const store = await openSqliteStore(path);
  await store.insert("load_balancer", exampleLoadBalancer());
  await store.close();
  return path;
}

function withRaw(path: string, work: (raw: DatabaseSync) => void): void {
  const raw = new DatabaseSync(path);
  work(raw);
  raw.close();
}
