import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import type { TableName } from "../../core/store/rows.ts";
import { uniqueIndexes } from "../../core/store/unique-indexes.ts";
import { exampleLoadBalancer, examplePool } from "../../testing/example-rows.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { storeSuite } from "../../testing/store-suite.ts";
import { columnNames } from "./columns.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";

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

test.for([
  { name: "a file that is no database", prepare: "this is not a database, and it is long enough to be read as one" },
])("$name is one clear error", async ({ prepare }) => {
  const path = join(await temporaryDirectory(), "state.sqlite");
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, prepare.repeat(50));
  await expect(async () => openSqliteStore(path)).rejects.toThrow("file is not a database");
});
