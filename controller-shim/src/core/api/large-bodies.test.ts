import { expect, test } from "vitest";
import { ApiBench } from "../../testing/api-context.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { seededApi, vipSubnetId } from "../../testing/seeded-api.ts";
import type { Store, Tables } from "../store/store.ts";
import { createLoadBalancer } from "./load-balancers.ts";
import { replaceMembers } from "./members.ts";

const MANY = 200;

/** A store that counts the rows its lists hand out: what a write costs, whatever the machine. */
class CountingStore extends MemoryStore {
  rowsRead = 0;

  override transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    return super.transaction((tables) =>
      work(
        new Proxy(tables, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== "function") return value;
            return async (...args: unknown[]) => {
              const result: unknown = await Reflect.apply(value, target, args);
              if (name === "list") this.rowsRead += (result as unknown[]).length;
              return result;
            };
          },
        }),
      ),
    );
  }
}

const numbers = Array.from({ length: MANY }, (_, n) => n + 1);
const members = numbers.map((n) => ({ address: "203.0.113.50", protocol_port: n }));

test.for([
  {
    name: "listeners",
    body: { listeners: numbers.map((protocol_port) => ({ protocol: "HTTP", protocol_port })) },
  },
  {
    name: "policies of one listener",
    body: {
      listeners: [{ protocol: "HTTP", protocol_port: 80, l7policies: numbers.map(() => ({ action: "REJECT" })) }],
    },
  },
  {
    name: "members of one pool",
    body: { pools: [{ name: "p", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN", members }] },
  },
])("a tree of many $name is written without reading all of them for each", async ({ body }) => {
  const store = new CountingStore();
  await createLoadBalancer(new ApiBench(store), { vip_subnet_id: vipSubnetId, ...body });
  expect(store.rowsRead).toBeLessThan(10 * MANY);
});

test("many members at once are written without reading all of them for each", async () => {
  const store: Store & { rowsRead: number } = new CountingStore();
  const { api, ids } = await seededApi(store);
  store.rowsRead = 0;
  await replaceMembers(api, ids.pool, members, new URLSearchParams());
  expect(store.rowsRead).toBeLessThan(10 * MANY);
});

test("policies created together stand as if each had been put at its place in turn", async () => {
  const api = new ApiBench();
  const l7policies = [{}, {}, { position: 1 }, { position: 2 }, { position: 900 }].map((each, n) => ({
    action: "REJECT",
    name: String(n),
    ...each,
  }));
  const listeners = [{ protocol: "HTTP", protocol_port: 80, l7policies }];
  await createLoadBalancer(api, { vip_subnet_id: vipSubnetId, listeners });
  const rows = (await api.store.list("l7policy")).toSorted((a, b) => a.position - b.position);
  expect(rows.map((row) => `${row.position}:${row.name}`)).toEqual(["1:2", "2:3", "3:0", "4:1", "5:4"]);
});
