import { expect, onTestFinished, test } from "vitest";
import type { Rows, TableName } from "../core/store/rows.ts";
import { type Store, StoreConflict } from "../core/store/store.ts";
import {
  exampleAmphora,
  exampleHealthMonitor,
  exampleL7Policy,
  exampleL7Rule,
  exampleListener,
  exampleLoadBalancer,
  exampleMember,
  examplePool,
} from "./example-rows.ts";

/** What everybody may rely on, whatever keeps the rows. */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  const opened = async () => {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  };
  const filled = async () => {
    const store = await opened();
    await store.transaction(async (tables) => {
      for (const table of Object.keys(examples) as TableName[]) await tables.insert(table, examples[table] as never);
    });
    return store;
  };

  test(`${name}: every kind of row comes back as it went in, with numbers, booleans, lists and nulls`, async () => {
    const store = await filled();
    for (const table of Object.keys(examples) as TableName[]) {
      expect(await store.get(table, examples[table].id)).toEqual(examples[table]);
      expect(await store.list(table)).toEqual([examples[table]]);
    }
  });

  test(`${name}: what is not there is undefined, an empty list, or false`, async () => {
    const store = await opened();
    expect(await store.get("pool", "nobody")).toBeUndefined();
    expect(await store.list("pool", { load_balancer_id: "nobody" })).toEqual([]);
    expect(await store.update("pool", "nobody", { name: "x" })).toBe(false);
    expect(await store.update("pool", "nobody", {})).toBe(false);
    expect(await store.remove("pool", "nobody")).toBe(false);
  });

  test(`${name}: lists are filtered by equality, null included, and ordered by age, then id`, async () => {
    const store = await filled();
    const at = (second: number) => `2026-01-31T12:00:0${second}`;
    await store.insert("member", exampleMember({ id: "c", address: "198.18.2.1", created_at: at(2), backup: true }));
    await store.insert("member", exampleMember({ id: "b", address: "198.18.2.2", created_at: at(2), backup: true }));
    await store.insert("member", exampleMember({ id: "d", address: "198.18.2.3", created_at: at(1), backup: true }));
    const found = await store.list("member", { backup: true, subnet_id: null });
    expect(found.map((each) => each.id)).toEqual(["d", "b", "c"]);
  });

  test(`${name}: an update touches what it names and nothing else`, async () => {
    const store = await filled();
    expect(await store.update("listener", examples.listener.id, { allowed_cidrs: null, connection_limit: 7 })).toBe(
      true,
    );
    const want = { ...examples.listener, allowed_cidrs: null, connection_limit: 7 };
    expect(await store.get("listener", want.id)).toEqual(want);
  });

  test.for([
    { name: "as expected", expected: { lease_owner: null, lease_until_ms: 0 }, want: true },
    { name: "no longer as expected", expected: { lease_owner: "somebody" }, want: false },
    { name: "partly as expected", expected: { lease_owner: null, lease_until_ms: 1 }, want: false },
  ])(`${name}: compare-and-set answers $want when the row is $name`, async ({ expected, want }) => {
    const store = await filled();
    const { id } = examples.load_balancer;
    expect(await store.update("load_balancer", id, { lease_owner: "me" }, expected)).toBe(want);
    expect((await store.get("load_balancer", id))?.lease_owner).toBe(want ? "me" : null);
  });

  test.for([
    { name: "a listener on the same port", constraint: "listener_port", table: "listener", row: exampleListener() },
    {
      name: "a TCP listener on the port of an HTTP one",
      constraint: "listener_port",
      table: "listener",
      row: exampleListener({ protocol: "TCP" }),
    },
    { name: "the same member", constraint: "member_address", table: "member", row: exampleMember() },
    {
      name: "a second monitor",
      constraint: "health_monitor_pool",
      table: "health_monitor",
      row: exampleHealthMonitor(),
    },
    {
      name: "an address twice",
      constraint: "address_in_subnet",
      table: "address",
      row: { id: "", subnet_id: "subnet", address: "198.18.1.10", owner_id: "x", purpose: "vrrp" },
    },
  ] as const)(`${name}: $name is a conflict of $constraint`, async ({ table, row, constraint }) => {
    const store = await filled();
    const refused = store.insert(table, { ...row, id: "30000000-0000-4000-8000-000000000000" } as never);
    await expect(refused).rejects.toThrow(StoreConflict);
    await expect(refused).rejects.toMatchObject({ constraint });
  });

  test(`${name}: the same id twice is a conflict`, async () => {
    const store = await filled();
    await expect(store.insert("pool", examplePool())).rejects.toThrow(StoreConflict);
  });

  test(`${name}: UDP, SCTP and TCP listeners share a port number`, async () => {
    const store = await filled();
    await store.insert("listener", exampleListener({ id: "udp", protocol: "UDP" }));
    await store.insert("listener", exampleListener({ id: "sctp", protocol: "SCTP" }));
    expect(await store.list("listener", { protocol_port: 80 })).toHaveLength(3);
  });

  test(`${name}: a load balancer takes everything below it along, a pool its references`, async () => {
    const store = await filled();
    await store.remove("pool", examples.pool.id);
    expect((await store.get("listener", examples.listener.id))?.default_pool_id).toBeNull();
    expect(await store.list("member")).toEqual([]);
    await store.remove("load_balancer", examples.load_balancer.id);
    for (const table of ["listener", "l7policy", "l7rule"] as const) expect(await store.list(table)).toEqual([]);
  });

  test(`${name}: a transaction that fails leaves nothing behind and hands its error on`, async () => {
    const store = await filled();
    const failing = store.transaction(async (tables) => {
      await tables.remove("load_balancer", examples.load_balancer.id);
      await tables.insert("pool", examplePool({ id: "new" }));
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await store.get("load_balancer", examples.load_balancer.id)).toEqual(examples.load_balancer);
    expect(await store.get("pool", "new")).toBeUndefined();
    await store.transaction(async (tables) => tables.update("pool", examples.pool.id, { name: "still works" }));
  });

  test(`${name}: a conflict inside a transaction can be caught, and the rest committed`, async () => {
    const store = await filled();
    await store.transaction(async (tables) => {
      await expect(tables.insert("member", exampleMember({ id: "again" }))).rejects.toThrow(StoreConflict);
      await tables.insert("member", exampleMember({ id: "other", protocol_port: 81 }));
    });
    expect(await store.list("member")).toHaveLength(2);
  });

  test(`${name}: transactions run one after the other, and nobody outside sees half of one`, async () => {
    const store = await filled();
    const { id } = examples.load_balancer;
    const seen: number[] = [];
    const step = async () => {
      await store.transaction(async (tables) => {
        const before = await tables.get("load_balancer", id);
        await tables.update("load_balancer", id, { wanted_revision: -1 });
        await Promise.resolve();
        await tables.update("load_balancer", id, { wanted_revision: (before?.wanted_revision ?? 0) + 1 });
      });
    };
    const look = async () => {
      for (let n = 0; n < 50; n++) seen.push((await store.get("load_balancer", id))?.wanted_revision ?? 0);
    };
    await Promise.all([look(), ...Array.from({ length: 25 }, step), look()]);
    expect((await store.get("load_balancer", id))?.wanted_revision).toBe(26);
    expect(Math.min(...seen)).toBeGreaterThan(0);
  });

  test(`${name}: what a reader does to a row stays with the reader`, async () => {
    const store = await filled();
    const row = await store.get("listener", examples.listener.id);
    row?.allowed_cidrs?.push("changed");
    expect(await store.get("listener", examples.listener.id)).toEqual(examples.listener);
  });
}

const examples: Rows = {
  load_balancer: exampleLoadBalancer({ tags: ["a", "", "ü"], error: null, next_attempt_at_ms: 1_800_000_000_000 }),
  listener: exampleListener({
    default_pool_id: examplePool().id,
    insert_headers: { "X-Forwarded-For": "true" },
    allowed_cidrs: ["192.0.2.0/24"],
  }),
  pool: examplePool({
    session_persistence: {
      type: "APP_COOKIE",
      cookie_name: "SID",
      persistence_timeout: null,
      persistence_granularity: null,
    },
  }),
  member: exampleMember({ admin_state_up: false, weight: 0 }),
  health_monitor: exampleHealthMonitor({ http_version: 1.1, domain_name: "a.example" }),
  l7policy: exampleL7Policy({ action: "REDIRECT_TO_POOL", redirect_pool_id: examplePool().id }),
  l7rule: exampleL7Rule({ invert: true, value: 'it\'s "quoted"; drop table pool; --' }),
  amphora: exampleAmphora(),
  address: {
    id: exampleLoadBalancer().vip_port_id,
    subnet_id: "subnet",
    address: "198.18.1.10",
    owner_id: exampleLoadBalancer().id,
    purpose: "vip",
  },
  listener_statistics: {
    id: "listener/amphora",
    load_balancer_id: exampleLoadBalancer().id,
    listener_id: exampleListener().id,
    amphora_id: exampleAmphora().id,
    bytes_in: Number.MAX_SAFE_INTEGER,
    bytes_out: 2,
    active_connections: 3,
    total_connections: 4,
    request_errors: 5,
  },
};
