import { expect, test } from "vitest";
import { listenerOf, memberOf, monitorOf, poolOf, readableId, treeOf } from "../../testing/example-trees.ts";
import type { MemberRow, OperatingStatus } from "../store/rows.ts";
import { operatingStatuses } from "./operating-statuses.ts";

const stats = { tx: 0, rx: 0, conns: 0, totconns: 0, ereq: 0 };
const listener = readableId("11", 1);
const pool = readableId("50", 1);
const member = readableId("3e", 1);
const second = readableId("3e", 2);

function message(status: string, members: Record<string, string>, listenerStatus = "OPEN") {
  return {
    listeners: { [listener]: { status: listenerStatus, stats } },
    pools: { [`${pool}:${listener}`]: { status, members } },
  };
}

/** One listener, one pool, two members; every status as given, so that only differences show. */
function tree(change: { member?: Partial<MemberRow>; was?: OperatingStatus; up?: boolean } = {}) {
  const was = { operating_status: change.was ?? "ONLINE" } as const;
  return treeOf(
    [listenerOf(1, was)],
    [poolOf(1, was, [memberOf(1, { ...was, ...change.member }), memberOf(2, was)], monitorOf())],
    { ...was, admin_state_up: change.up ?? true },
  );
}

function changes(...args: Parameters<typeof operatingStatuses>): Record<string, OperatingStatus> {
  return Object.fromEntries(operatingStatuses(...args).map((change) => [change.id, change.to]));
}

const settled = { settled: true };

test.for([
  { haproxy: "UP", want: "ONLINE" },
  { haproxy: "UP 1/3", want: "ONLINE" },
  { haproxy: "DOWN", want: "ERROR" },
  { haproxy: "DOWN 1/2", want: "ERROR" },
  { haproxy: "DRAIN", want: "DRAINING" },
  { haproxy: "MAINT", want: "OFFLINE" },
  { haproxy: "no check", want: "NO_MONITOR" },
  { haproxy: "RESTARTING", want: "DEGRADED" }, // keeps what it was
  { haproxy: "something new", want: "DEGRADED" },
] as const)("a member haproxy calls $haproxy is $want", ({ haproxy, want }) => {
  const of = tree({ member: { operating_status: "DEGRADED" } });
  const got = changes(of, message("UP", { [member]: haproxy, [second]: "UP" }), settled);
  expect(got[member] ?? "DEGRADED").toBe(want);
});

test("nothing changed is nothing to write", () => {
  expect(operatingStatuses(tree(), message("UP", { [member]: "UP", [second]: "UP" }), settled)).toEqual([]);
});

test("one member down degrades pool and load balancer", () => {
  const got = changes(tree(), message("UP", { [member]: "DOWN", [second]: "UP" }), settled);
  expect(got).toEqual({ [member]: "ERROR", [pool]: "DEGRADED", [readableId("1b", 1)]: "DEGRADED" });
});

test("a pool without a living member is ERROR, and so is the load balancer", () => {
  const got = changes(tree(), message("DOWN", { [member]: "DOWN", [second]: "DOWN" }), settled);
  expect(got).toEqual({ [member]: "ERROR", [second]: "ERROR", [pool]: "ERROR", [readableId("1b", 1)]: "ERROR" });
});

test("a full listener is DEGRADED, and so is the load balancer", () => {
  const got = changes(tree(), message("UP", { [member]: "UP", [second]: "UP" }, "FULL"), settled);
  expect(got).toEqual({ [listener]: "DEGRADED", [readableId("1b", 1)]: "DEGRADED" });
});

test("an enabled listener that is not reported is ERROR", () => {
  const got = changes(tree(), { listeners: {}, pools: {} }, settled);
  expect(got[listener]).toBe("ERROR");
  expect(got[pool]).toBe("OFFLINE");
  expect(got[member]).toBe("OFFLINE");
});

test("right after a change, what a beat does not know yet keeps its status", () => {
  expect(changes(tree(), { listeners: {}, pools: {} }, { settled: false })).toEqual({});
});

test("a member without a monitor stays NO_MONITOR when it is not reported", () => {
  const of = tree({ member: { operating_status: "NO_MONITOR" } });
  expect(changes(of, message("UP", { [second]: "UP" }), settled)[member]).toBeUndefined();
});

test("a disabled member is OFFLINE whatever is reported", () => {
  const of = tree({ member: { admin_state_up: false } });
  expect(changes(of, message("UP", { [member]: "UP", [second]: "UP" }), settled)[member]).toBe("OFFLINE");
});

test("a disabled load balancer is OFFLINE with its listeners", () => {
  const got = changes(tree({ up: false }), { listeners: {}, pools: {} }, settled);
  expect(got).toMatchObject({ [readableId("1b", 1)]: "OFFLINE", [listener]: "OFFLINE" });
});

test("while a change is under way a missing listener is OFFLINE, not ERROR", () => {
  const of = tree();
  of.loadBalancer.provisioning_status = "PENDING_UPDATE";
  expect(changes(of, { listeners: {}, pools: {} }, settled)[listener]).toBe("OFFLINE");
});

test("the first report of a pool that two listeners use counts", () => {
  const pools = {
    [`${pool}:${listener}`]: { status: "UP", members: { [member]: "UP", [second]: "UP" } },
    [`${pool}:${readableId("11", 2)}`]: { status: "DOWN", members: { [member]: "DOWN" } },
  };
  expect(changes(tree(), { listeners: { [listener]: { status: "OPEN", stats } }, pools }, settled)).toEqual({});
});

test("what is being deleted is not looked at", () => {
  const of = tree({ member: { provisioning_status: "PENDING_DELETE" } });
  expect(changes(of, message("UP", { [second]: "UP" }), settled)).toEqual({});
});

test("a fresh load balancer comes up", () => {
  const got = changes(tree({ was: "OFFLINE" }), message("UP", { [member]: "UP", [second]: "UP" }), settled);
  expect(new Set(Object.values(got))).toEqual(new Set(["ONLINE"]));
  expect(Object.keys(got)).toHaveLength(5);
});
