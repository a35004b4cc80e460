import { chmod, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/harness/free-port.ts";
import {
  amphoraId,
  exampleText,
  fetchBody,
  type HaproxyPart,
  haproxiesOf,
  startHaproxyHere,
  startHaproxyPart,
} from "../../../../test/harness/haproxy.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import type { LoadBalancerAction } from "./load-balancers.ts";

const id = "1b000001-0001-4000-8000-000000000001";
const other = "1b000002-0002-4000-8000-000000000002";
const never = new AbortController().signal;

async function upload(part: HaproxyPart, text: string, loadBalancerId = id): Promise<void> {
  const request = { amphoraId, loadBalancerId, configuration: Buffer.from(text) };
  await part.loadBalancers.upload(request, never);
}

async function act(part: HaproxyPart, action: LoadBalancerAction, loadBalancerId = id): Promise<LoadBalancerAction> {
  return (await part.loadBalancers.act(loadBalancerId, action, never)).effective;
}

async function running(part: HaproxyPart, loadBalancerId = id) {
  const seen = (await part.loadBalancers.observe()).find((each) => each.loadBalancerId === loadBalancerId);
  if (seen?.haproxy.state !== "running") throw new Error(`not running: ${JSON.stringify(seen)}`);
  return { ...seen, masterPid: seen.haproxy.masterPid };
}

async function workerOf(part: HaproxyPart): Promise<number> {
  const { statisticsSocket } = await running(part);
  const info = await part.sockets.query(statisticsSocket, "show info", { timeoutMs: 1_000 });
  return Number(/^Pid: (\d+)$/m.exec(info)?.[1]);
}

function names(part: HaproxyPart): string[] {
  return part.events.map(({ name }) => name);
}

/** Port, text maker and a part with the first text uploaded and started. */
async function started(change?: Parameters<typeof startHaproxyHere>[0]) {
  const part = await startHaproxyHere(change);
  const port = await freePort();
  const { basePath } = part.configuration.haproxyAmphora;
  const text = (answer: string, more: Partial<Parameters<typeof exampleText>[0]> = {}) =>
    exampleText({ basePath, id, port, answer, ...more });
  await upload(part, text("one"));
  await act(part, "start");
  return { part, port, text, basePath };
}

describe.skipIf(!hasTool("haproxy"))("load balancers on real haproxy", () => {
  test("an upload is stored without its group line, mode 0600, and starts nothing", async () => {
    const part = await startHaproxyHere();
    const { basePath } = part.configuration.haproxyAmphora;
    const port = await freePort();
    const text = exampleText({ basePath, id, port });
    await upload(part, text);
    const stored = join(basePath, id, "haproxy.cfg");
    expect((await readFile(stored, "utf8")).toString()).toBe(text.replace("\n    group nogroup", ""));
    expect((await stat(stored)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(basePath, id))).toEqual(["haproxy.cfg", "peer"]);
    expect(await readFile(join(basePath, id, "peer"), "utf8")).toBe("7Yb-NbO_dpTChN3jo9DbGxtRr2g\n");
    expect(haproxiesOf(part.folder)).toEqual([]);
    await expect(fetchBody(port)).rejects.toThrow();
  });

  test("start serves, start again changes nothing, reload goes live, stop ends it, delete leaves nothing", async () => {
    const { part, port, text, basePath } = await started();
    expect(await fetchBody(port)).toBe("one");
    const { masterPid } = await running(part);
    expect(await act(part, "start")).toBe("start");
    expect((await running(part)).masterPid).toBe(masterPid);
    expect((await readFile(join(basePath, id, `${id}.pid`), "utf8")).trim()).toBe(String(masterPid));

    await upload(part, text("two"));
    expect(await fetchBody(port)).toBe("one");
    expect(await act(part, "reload")).toBe("reload");
    expect(await fetchBody(port)).toBe("two");
    expect((await running(part)).masterPid).toBe(masterPid);
    expect(await readFile(join(basePath, id, "servers-state"), "utf8")).toMatch(/^1\n# be_id/);

    await act(part, "stop");
    expect(haproxiesOf(part.folder)).toEqual([]);
    expect(await act(part, "reload")).toBe("start");
    expect(await fetchBody(port)).toBe("two");

    await part.loadBalancers.delete(id, never);
    await part.loadBalancers.delete(id, never);
    expect(haproxiesOf(part.folder)).toEqual([]);
    expect(await readdir(basePath)).toEqual(["haproxy-default-user-group.conf"]);
    expect(await part.loadBalancers.observe()).toEqual([]);
    await expect(act(part, "start")).rejects.toMatchObject({ code: "load-balancer-not-found" });
  });

  test("a configuration haproxy refuses changes nothing and returns haproxy's words with the upload's lines", async () => {
    const { part, port, text, basePath } = await started();
    const bad = text("two").replace("mode http\n", "mode hppt\n");
    const badLine = bad.split("\n").findIndex((line) => line.includes("hppt")) + 1;
    const refusal = await upload(part, bad).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "config-invalid" });
    expect((refusal as { details: string }).details).toContain(`[${basePath}/${id}/haproxy.cfg.new:${badLine}]`);
    expect((refusal as { details: string }).details).toContain("unknown proxy mode 'hppt'");
    expect(await readFile(join(basePath, id, "haproxy.cfg.new-failed"), "utf8")).toContain("mode hppt");
    expect(await readdir(join(basePath, id))).not.toContain("haproxy.cfg.new");
    expect(await act(part, "reload")).toBe("reload");
    expect(await fetchBody(port)).toBe("one");
  });

  test("a port that is taken: the start fails with haproxy's words, nothing runs", async () => {
    const part = await startHaproxyHere();
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await waitFor("the port", () => taken.listening);
    const { port } = taken.address() as { port: number };
    await upload(part, exampleText({ basePath: part.configuration.haproxyAmphora.basePath, id, port }));
    const failure = await act(part, "start").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "action-failed", message: "Error starting haproxy" });
    expect((failure as { details: string }).details).toMatch(/haproxy\.cfg:\d+\].*cannot bind socket/);
    expect(haproxiesOf(part.folder)).toEqual([]);
    expect((await part.loadBalancers.observe())[0]?.haproxy).toEqual({ state: "stopped" });
    expect(names(part)).toContain("load-balancer.apply-failed");
  });

  test("a reload that fails keeps the old worker serving and the old file in place", async () => {
    const { part, port, text, basePath } = await started();
    const before = await readFile(join(basePath, id, "haproxy.running.cfg"), "utf8");
    const { masterPid } = await running(part);
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await waitFor("the port", () => taken.listening);
    const { port: takenPort } = taken.address() as { port: number };
    await upload(part, text("two", { port: takenPort }));
    const failure = await act(part, "reload").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "action-failed", message: "Error reloading haproxy" });
    expect((failure as { details: string }).details).toContain("cannot bind socket");
    expect(await readFile(join(basePath, id, "haproxy.running.cfg"), "utf8")).toBe(before);
    expect(await fetchBody(port)).toBe("one");
    expect((await running(part)).masterPid).toBe(masterPid);
    await upload(part, text("three"));
    expect(await act(part, "reload")).toBe("reload");
    expect(await fetchBody(port)).toBe("three");
  });

  test("a file that disappears after the upload: haproxy's words come back quickly", async () => {
    const { part, port, text, basePath } = await started();
    const list = join(basePath, "list.acl");
    await writeFile(list, "a\n");
    await chmod(list, 0o644);
    await upload(
      part,
      text("two").replace("    http-request", `    http-request deny if { path -f ${list} }\n    http-request`),
    );
    await rm(list);
    const startedMs = performance.now();
    const failure = await act(part, "reload").catch((error: unknown) => error);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect((failure as { details: string }).details).toMatch(/haproxy\.cfg:\d+\]/);
    expect(await fetchBody(port)).toBe("one");
  });

  test.for([
    { name: "the master", who: "master" as const },
    { name: "the worker", who: "worker" as const },
  ])("SIGKILL to $name: serves again by itself, and both events are told", async ({ who }) => {
    const { part, port } = await started();
    const victim = who === "master" ? (await running(part)).masterPid : await workerOf(part);
    const killedMs = performance.now();
    process.kill(victim, "SIGKILL");
    await waitFor("the death to be told", () => names(part).includes("haproxy.died"), { everyMs: 1 });
    const noticedMs = performance.now() - killedMs;
    await waitFor("haproxy to be back", () => names(part).includes("haproxy.restarted"), { everyMs: 1 });
    expect(await fetchBody(port)).toBe("one");
    // 4 ms and 150 ms when nothing else runs; the bounds hold on a machine busy with other tests.
    expect(noticedMs).toBeLessThan(500);
    expect(performance.now() - killedMs).toBeLessThan(4_000);
    expect(await running(part)).toMatchObject({ restarts: 1 });
    expect(part.events.find(({ name }) => name === "haproxy.restarted")?.data).toMatchObject({ attempt: 1 });
  });

  test("a reload may move the statistics socket; a restart after it finds the new one", async () => {
    const { part, port, text, basePath } = await started();
    await upload(part, text("two").replace(`${id}.sock`, "moved.sock"));
    await act(part, "reload");
    expect((await running(part)).statisticsSocket).toBe(join(basePath, "moved.sock"));
    process.kill((await running(part)).masterPid, "SIGKILL");
    await waitFor("haproxy to be back", () => names(part).includes("haproxy.restarted"));
    expect(await fetchBody(port)).toBe("two");
  });

  test("a haproxy that dies at once is restarted ever more slowly, and a reload brings it back", async () => {
    const { part, port, text, basePath } = await started();
    const runningFile = join(basePath, id, "haproxy.running.cfg");
    await writeFile(runningFile, "global\n    nonsense\n");
    process.kill((await running(part)).masterPid, "SIGKILL");
    const seen = await waitFor("the third attempt", async () => {
      const [observed] = await part.loadBalancers.observe();
      return observed?.haproxy.state === "restarting" && observed.haproxy.attempt >= 3 ? observed.haproxy : undefined;
    });
    expect(seen.reason).toContain("nonsense");
    const attempts = part.log.lines.filter(({ event }) => event === "service.restart-failed").length;
    expect(attempts).toBeLessThanOrEqual(4);
    await upload(part, text("two"));
    expect(await act(part, "reload")).toBe("start");
    expect(await fetchBody(port)).toBe("two");
  });

  test("a new agent adopts the haproxy that went on, applies to it and notices its death", async () => {
    const { part, port, text } = await started();
    const { masterPid } = await running(part);
    part.services.close();
    const next = startHaproxyPart(part.configuration);
    onTestFinished(() => next.services.close());
    await next.reconcile();
    expect(next.events).toContainEqual({ name: "haproxy.adopted", data: { loadBalancerId: id, pid: masterPid } });
    expect((await running(next)).masterPid).toBe(masterPid);
    await upload(next, text("two"));
    expect(await act(next, "reload")).toBe("reload");
    expect((await running(next)).masterPid).toBe(masterPid);
    expect(await fetchBody(port)).toBe("two");

    const killedMs = performance.now();
    process.kill(masterPid, "SIGKILL");
    await waitFor("the death", () => names(next).includes("haproxy.died"), { everyMs: 1 });
    expect(performance.now() - killedMs).toBeLessThan(2_000);
    await waitFor("haproxy to be back", () => names(next).includes("haproxy.restarted"));
    expect(await fetchBody(port)).toBe("two");
    await act(next, "stop");
    expect(haproxiesOf(part.folder)).toEqual([]);
  });

  test("a new agent starts what should run, and not what was stopped", async () => {
    const { part, port, basePath } = await started();
    const otherPort = await freePort();
    await upload(part, exampleText({ basePath, id: other, port: otherPort, answer: "other" }), other);
    await act(part, "start", other);
    await act(part, "stop", other);
    part.services.close();
    process.kill(
      (await running(part).catch(() => ({ masterPid: haproxiesOf(part.folder)[0] ?? 0 }))).masterPid,
      "SIGKILL",
    );
    await waitFor("haproxy to be gone", () => haproxiesOf(part.folder).length === 0);
    const next = startHaproxyPart(part.configuration);
    onTestFinished(() => next.services.close());
    await next.reconcile();
    await waitFor("the first to run", async () => (await running(next)).masterPid > 0);
    expect(await fetchBody(port)).toBe("one");
    expect((await next.loadBalancers.observe()).map(({ haproxy }) => haproxy.state)).toEqual(["running", "stopped"]);
  });
});
