import type { Store } from "../../core/store/store.ts";
import { openStore } from "./kysely-store.ts";
import { sqliteEngine } from "./sqlite-engine.ts";

/** The state database in one file, or nowhere with ":memory:". */
export function openSqliteStore(path: string): Promise<Store> {
  return openStore(sqliteEngine(path));
}
