import { setTimeout as sleep } from "node:timers/promises";
import { ApiUnreachable } from "../krater/api-client.ts";
import { until } from "./deadline.ts";
import type { Demo } from "./demo.ts";
import { fetchOnce } from "./traffic.ts";

export interface Proof {
  what: string;
  tookMs: number;
  /** Figures of this run. */
  detail: string;
}

/** How long traffic is watched before "none failed" is said. */
const WATCH_MS = 2_000;

/** What `npm start -- --check` proves, in this order; the first that does not hold ends the check with its reason. */
const proofs: { what: string; prove: (demo: Demo, signal: AbortSignal) => Promise<string> }[] = [
  { what: "both members answer through the VIP", prove: bothMembersAnswer },
  { what: "a stopped member leaves the rotation and returns", prove: stoppedMemberLeavesAndReturns },
  { what: "an update through the API goes live", prove: updateGoesLive },
  { what: "a killed amphora is repaired", prove: killedAmphoraIsRepaired },
  { what: "traffic needs no shim, and a restarted shim takes over", prove: trafficNeedsNoShim },
];

export async function runCheck(demo: Demo, report: (line: string) => void, signal: AbortSignal): Promise<Proof[]> {
  const done: Proof[] = [];
  for (const { what, prove } of proofs) {
    const startedMs = performance.now();
    const detail = await prove(demo, signal).catch((error: Error) => {
      signal.throwIfAborted();
      throw new Error(`not proved: ${what}: ${error.message}`, { cause: error });
    });
    const proof = { what, tookMs: performance.now() - startedMs, detail };
    done.push(proof);
    report(`proved: ${what} (${detail})`);
  }
  return done;
}

async function bothMembersAnswer(demo: Demo, signal: AbortSignal): Promise<string> {
  const sinceMs = performance.now();
  const names = demo.members.map((member) => member.name);
  const counts = () => names.map((name) => `${name} ${demo.traffic.since(sinceMs).byMember.get(name) ?? 0} answers`);
  await until("three answers of each member", { seconds: 10, signal, describe: () => counts().join(", ") }, () => {
    const { byMember } = demo.traffic.since(sinceMs);
    return names.every((name) => (byMember.get(name) ?? 0) >= 3) || undefined;
  });
  expectNone(demo.traffic.since(sinceMs).failed, "requests failed", demo);
  return counts().join(", ");
}

async function stoppedMemberLeavesAndReturns(demo: Demo, signal: AbortSignal): Promise<string> {
  const member = demo.members[0];
  if (!member) throw new Error("there is no member");
  const stoppedMs = performance.now();
  await member.stop();
  await memberShows(demo, 0, "ERROR", signal);
  const detectedMs = performance.now();
  const before = demo.traffic.since(stoppedMs).failed;
  await sleep(WATCH_MS, undefined, { signal });
  const after = demo.traffic.since(detectedMs);
  expectNone(after.failed, `requests failed after ${member.name} was seen to be down`, demo);
  expectNone(after.byMember.get(member.name) ?? 0, `answers came from ${member.name}, which is stopped`, demo);
  if (after.answered === 0) throw new Error("no request was answered while one of two members was stopped");
  const startedMs = performance.now();
  await member.start();
  await memberShows(demo, 0, "ONLINE", signal);
  await until(`traffic to ${member.name}`, { seconds: 10, signal }, () => {
    return (demo.traffic.since(startedMs).byMember.get(member.name) ?? 0) > 0 || undefined;
  });
  return [
    `ERROR after ${seconds(detectedMs - stoppedMs)}`,
    `${before} requests failed until then, 0 of ${after.answered} after`,
    `back after ${seconds(performance.now() - startedMs)}`,
  ].join(", ");
}

async function updateGoesLive(demo: Demo, signal: AbortSignal): Promise<string> {
  const sinceMs = performance.now();
  const path = "/closed";
  await statusOf(demo, path, 200, signal);
  const closingMs = performance.now();
  const policy = await demo.loadBalancer.rejectPath(path, signal);
  await statusOf(demo, path, 403, signal);
  const openingMs = performance.now();
  await statusOf(demo, "/", 200, signal);
  await demo.loadBalancer.removePolicy(policy, signal);
  await statusOf(demo, path, 200, signal);
  const { failed, answered } = demo.traffic.since(sinceMs);
  expectNone(failed, "requests failed during the updates", demo);
  return [
    `${path} answers 403 ${seconds(openingMs - closingMs)} after the calls`,
    `200 again after ${seconds(performance.now() - openingMs)}`,
    `0 of ${answered} other requests failed`,
  ].join(", ");
}

async function killedAmphoraIsRepaired(demo: Demo, signal: AbortSignal): Promise<string> {
  const failedBefore = demo.traffic.snapshot().failed;
  const killedMs = performance.now();
  const killed = await demo.killAmphora();
  let seen = "";
  await until("the amphora to be repaired", { seconds: 30, signal, everyMs: 100, describe: () => seen }, async () => {
    const [amphora] = await demo.runningAmphorae();
    const running =
      amphora && (amphora.init.pid !== killed.init.pid || amphora.init.startTime !== killed.init.startTime);
    const { provisioning_status, operating_status } = await demo.loadBalancer.show(signal);
    seen = `${running ? "an amphora runs" : "no amphora runs"}, ${provisioning_status} ${operating_status}`;
    return running && provisioning_status === "ACTIVE" && operating_status === "ONLINE" ? true : undefined;
  });
  await until("one second of traffic without a failure", { seconds: 10, signal, everyMs: 100 }, () => {
    const { failed, answered } = demo.traffic.since(performance.now() - 1_000);
    return (failed === 0 && answered >= 5) || undefined;
  });
  for (const index of demo.members.keys()) await memberShows(demo, index, "ONLINE", signal);
  const failed = demo.traffic.snapshot().failed - failedBefore;
  return `amphora ${killed.id.slice(0, 8)} killed, all well after ${seconds(performance.now() - killedMs)}, ${failed} requests failed`;
}

async function trafficNeedsNoShim(demo: Demo, signal: AbortSignal): Promise<string> {
  const [before] = await demo.runningAmphorae();
  const killedMs = performance.now();
  demo.shim.kill();
  await until("the shim to be dead", { seconds: 5, signal }, () => demo.shim.ended);
  const answer = await demo.api.get("/", signal).catch((error: unknown) => error);
  if (!(answer instanceof ApiUnreachable)) throw new Error("the API still answers although the shim was killed");
  await sleep(WATCH_MS, undefined, { signal });
  const alone = demo.traffic.since(killedMs);
  expectNone(alone.failed, "requests failed without a shim", demo);
  if (alone.answered === 0) throw new Error("no request was answered without a shim");
  await demo.shim.start(signal);
  const member = demo.members[1];
  if (!member) throw new Error("there is no second member");
  const takingOverMs = performance.now();
  await demo.toggleDrain(member);
  await until(`no traffic to ${member.name}, which is drained`, { seconds: 10, signal }, () => {
    const { byMember, answered } = demo.traffic.since(performance.now() - 500);
    return (answered > 0 && !byMember.has(member.name)) || undefined;
  });
  const tookOverMs = performance.now() - takingOverMs;
  await demo.toggleDrain(member);
  await memberShows(demo, 1, "ONLINE", signal);
  const [after] = await demo.runningAmphorae();
  if (!before || after?.init.pid !== before.init.pid) throw new Error("the restarted shim replaced a healthy amphora");
  expectNone(demo.traffic.since(killedMs).failed, "requests failed while the shim came back", demo);
  return `0 of ${alone.answered} requests failed without a shim, its successor drained ${member.name} in ${seconds(tookOverMs)} on the same amphora`;
}

async function memberShows(demo: Demo, index: number, status: string, signal: AbortSignal): Promise<void> {
  const member = demo.members[index];
  if (!member) throw new Error(`there is no member ${index + 1}`);
  let seen = "nothing";
  await until(`${member.name} to be ${status}`, { seconds: 15, signal, describe: () => seen }, async () => {
    seen = (await demo.memberView(member))?.operating_status ?? "no such member";
    return seen === status || undefined;
  });
}

async function statusOf(demo: Demo, path: string, wanted: number, signal: AbortSignal): Promise<void> {
  const target = { host: demo.loadBalancer.vipAddress, port: 80 };
  let seen = "nothing";
  await until(`${path} to answer ${wanted}`, { seconds: 5, signal, describe: () => seen }, async () => {
    const { status } = await fetchOnce(target, path, signal);
    seen = String(status);
    return status === wanted || undefined;
  });
}

function expectNone(count: number, what: string, demo: Demo): void {
  if (count === 0) return;
  const reasons = [...demo.traffic.snapshot().failuresByReason].map(([reason, times]) => `${reason} (${times})`);
  throw new Error(`${count} ${what}${reasons.length > 0 ? `; reasons so far: ${reasons.join(", ")}` : ""}`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
