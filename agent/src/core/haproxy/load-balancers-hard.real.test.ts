import { execFile, spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
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
import { createNamespace } from "../../../../test/harness/namespace.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import type { LoadBalancerAction } from "./load-balancers.ts";

const run = promisify(execFile);
const id = "1b000001-0001-4000-8000-000000000001";
const never = new AbortController().signal;

async function upload(part: HaproxyPart, text: string, loadBalancerId = id): Promise<void> {
  await part.loadBalancers.upload({ amphoraId, loadBalancerId, configuration: Buffer.from(text, "latin1") }, never);
}

async function act(part: HaproxyPart, action: LoadBalancerAction, loadBalancerId = id): Promise<LoadBalancerAction> {
  return (await part.loadBalancers.act(loadBalancerId, action, never)).effective;
}

/** The next agent over the same files, with settings that only a restart takes. */
function restarted(part: HaproxyPart): HaproxyPart {
  part.services.close();
  const next = startHaproxyPart(part.configuration);
  onTestFinished(() => next.services.close());
  return next;
}

describe.skipIf(!hasTool("haproxy"))("load balancers where it is hard", () => {
  test("maxconn 50000 runs under a limit of open files that is too low, and the cap is told", async () => {
    const part = await startHaproxyHere();
    const limit = await part.openFiles.limit();
    const { basePath } = part.configuration.haproxyAmphora;
    // As much as no limit of ours allows: 2.5 files a connection.
    const wanted = Math.max(50_000, limit);
    const port = await freePort();
    await upload(part, exampleText({ basePath, id, port, maxconn: wanted }));
    await act(part, "start");
    expect(await fetchBody(port)).toBe("one");
    const [seen] = await part.loadBalancers.observe();
    expect(seen?.maxconn).toMatchObject({ wanted, openFilesLimit: limit });
    const info = await part.sockets.query(seen?.statisticsSocket ?? "", "show info", { timeoutMs: 1_000 });
    expect(Number(/^Maxconn: (\d+)$/m.exec(info)?.[1])).toBe(seen?.maxconn?.capped);
    expect(part.events.map(({ name }) => name)).toContain("load-balancer.maxconn-capped");

    const next = restarted(part);
    await next.reconcile();
    expect((await next.loadBalancers.observe())[0]?.maxconn).toEqual(seen?.maxconn);
  });

  test("with `refuse` the same upload is refused, by its line", async () => {
    const part = await startHaproxyHere((configuration) => {
      configuration.krater.maxconnOverLimit = "refuse";
    });
    const { basePath } = part.configuration.haproxyAmphora;
    const maxconn = Math.max(50_000, await part.openFiles.limit());
    const text = exampleText({ basePath, id, port: 1, maxconn });
    const line = text.split("\n").indexOf(`    maxconn ${maxconn}`) + 1;
    const refusal = (await upload(part, text).catch((error: unknown) => error)) as { code: string; details: string };
    expect(refusal.code).toBe("config-invalid");
    expect(refusal.details).toContain(`haproxy.cfg.new:${line}: maxconn ${maxconn} needs more open files`);
    expect(await part.loadBalancers.read(id)).toBeUndefined();
  });

  test("a haproxy that is not installed is told as such, by upload and by start", async () => {
    const part = await startHaproxyHere();
    const { haproxyAmphora } = part.configuration;
    const port = await freePort();
    const text = exampleText({ basePath: haproxyAmphora.basePath, id, port });
    await upload(part, text);
    haproxyAmphora.haproxyCmd = "/nonexistent/haproxy";
    const next = restarted(part);
    await expect(act(next, "start")).rejects.toMatchObject({ code: "haproxy-missing" });
    await expect(upload(next, text)).rejects.toMatchObject({ code: "haproxy-missing" });
    expect(await next.loadBalancers.read(id)).toBeDefined();
    expect((await next.loadBalancers.observe())[0]?.haproxy).toEqual({ state: "stopped" });
  });

  test.skipIf(!hasTool("mount"))(
    "a full disk fails the upload, keeps the old one and leaves nothing half-written",
    async () => {
      const part = await startHaproxyHere();
      const { basePath } = part.configuration.haproxyAmphora;
      await mkdir(basePath, { recursive: true });
      await run("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", basePath]);
      onTestFinished(async () => void (await run("umount", ["-l", basePath])));
      const port = await freePort();
      const text = exampleText({ basePath, id, port });
      await upload(part, text);
      await act(part, "start");
      const before = await readFile(join(basePath, id, "haproxy.cfg"));
      const big = text.replace("# Conf", `# ${"x".repeat(200_000)}\n# Conf`);
      await expect(upload(part, big)).rejects.toMatchObject({ code: "storage-failed" });
      expect(await readFile(join(basePath, id, "haproxy.cfg"))).toEqual(before);
      expect(
        (await readdir(join(basePath, id))).filter((name) => name.includes("tmp") || name.endsWith(".new")),
      ).toEqual([]);
      await writeFile(join(basePath, "filler"), Buffer.alloc(1 << 20)).catch(() => undefined);
      await expect(act(part, "reload")).rejects.toMatchObject({ code: "storage-failed" });
      expect(await fetchBody(port)).toBe("one");
      await expect(part.certificates.write(id, "a.pem", Buffer.alloc(9_000), never)).rejects.toMatchObject({
        code: "storage-failed",
      });
      expect(await part.certificates.md5(id, "a.pem")).toBeUndefined();
    },
  );

  test("two load balancers change at the same time, one request after the other for each", async () => {
    const part = await startHaproxyHere();
    const { basePath } = part.configuration.haproxyAmphora;
    const ids = [id, "1b000002-0002-4000-8000-000000000002"];
    await Promise.all(
      ids.map(async (each) => {
        const port = await freePort();
        await upload(part, exampleText({ basePath, id: each, port, answer: "v0" }), each);
        await act(part, "start", each);
        const changes = [1, 2, 3].map(async (version) => {
          await upload(part, exampleText({ basePath, id: each, port, answer: `v${version}` }), each);
          await act(part, "reload", each);
        });
        await Promise.all(changes);
        const stored = (await part.loadBalancers.read(each))?.toString() ?? "";
        await act(part, "reload", each);
        expect(stored).toContain(`string ${await fetchBody(port)}\n`);
      }),
    );
    expect((await part.loadBalancers.observe()).map(({ haproxy }) => haproxy.state)).toEqual(["running", "running"]);
    expect(await part.loadBalancers.listeners()).toHaveLength(2);
  });

  test("ten reloads under load on kept connections fail no request", { timeout: 60_000 }, async () => {
    const part = await startHaproxyHere();
    const { basePath } = part.configuration.haproxyAmphora;
    const port = await freePort();
    await upload(part, exampleText({ basePath, id, port }));
    await act(part, "start");
    const load = generateLoad(port, 8);
    for (let reload = 1; reload <= 10; reload++) {
      await upload(part, exampleText({ basePath, id, port, answer: `v${reload}` }));
      expect(await act(part, "reload")).toBe("reload");
    }
    const { done, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(done).toBeGreaterThan(500);
    expect(await fetchBody(port)).toBe("v10");
  });

  test("a haproxy a stock agent left serves on, and the next reload replaces it", async () => {
    const part = await startHaproxyHere();
    const { basePath, haproxyCmd } = part.configuration.haproxyAmphora;
    const port = await freePort();
    const folder = join(basePath, id);
    await mkdir(folder, { recursive: true });
    const text = exampleText({ basePath, id, port }).replace("    group nogroup\n", "");
    await writeFile(join(folder, "haproxy.cfg"), text, { mode: 0o600 });
    await writeFile(join(basePath, "haproxy-default-user-group.conf"), "global\n    group nogroup\n");
    const files = ["-f", join(folder, "haproxy.cfg"), "-f", join(basePath, "haproxy-default-user-group.conf")];
    const pidFile = join(folder, `${id}.pid`);
    const peer = "7Yb-NbO_dpTChN3jo9DbGxtRr2g";
    const stock = spawn(haproxyCmd, ["-Ws", ...files, "-p", pidFile, "-L", peer], { stdio: "ignore", detached: true });
    const stockPid = stock.pid ?? 0;
    await waitFor("stock's haproxy", async () => (await fetchBody(port)) === "one");

    await part.reconcile();
    expect(part.events).toContainEqual({ name: "haproxy.adopted", data: { loadBalancerId: id, pid: stockPid } });
    expect(haproxiesOf(part.folder)).toContain(stockPid);
    await upload(part, exampleText({ basePath, id, port, answer: "two" }));
    expect(await act(part, "reload")).toBe("start");
    await waitFor("the new one alone", async () => !haproxiesOf(part.folder).includes(stockPid));
    expect(await fetchBody(port)).toBe("two");
    expect(await act(part, "reload")).toBe("reload");
    expect(part.events.map(({ name }) => name)).not.toContain("haproxy.died");
  });

  test("the death of a stock agent's haproxy is noticed and repaired", async () => {
    const part = await startHaproxyHere();
    const { basePath, haproxyCmd } = part.configuration.haproxyAmphora;
    const port = await freePort();
    await mkdir(join(basePath, id), { recursive: true });
    const file = join(basePath, id, "haproxy.cfg");
    await writeFile(file, exampleText({ basePath, id, port }), { mode: 0o600 });
    const pidFile = join(basePath, id, `${id}.pid`);
    const stock = spawn(haproxyCmd, ["-Ws", "-f", file, "-p", pidFile], { stdio: "ignore", detached: true });
    await waitFor("stock's haproxy", async () => (await fetchBody(port)) === "one");
    await part.reconcile();
    stock.kill("SIGKILL");
    await waitFor("ours", () => part.events.some(({ name }) => name === "haproxy.restarted"), { timeoutMs: 3_000 });
    expect(await fetchBody(port)).toBe("one");
  });

  test("a pid file that names a process of somebody else is not believed", async () => {
    const part = await startHaproxyHere();
    const { basePath } = part.configuration.haproxyAmphora;
    const port = await freePort();
    await upload(part, exampleText({ basePath, id, port }));
    await writeFile(join(basePath, id, `${id}.pid`), `${process.pid}\n`);
    await part.reconcile();
    await waitFor("a haproxy of our own", async () => (await fetchBody(port)) === "one");
    await act(part, "stop");
    expect(haproxiesOf(part.folder)).toEqual([]);
  });

  test("leftovers of a crash are gone after the next start, and nothing else", async () => {
    const part = await startHaproxyHere();
    const { basePath } = part.configuration.haproxyAmphora;
    await upload(part, exampleText({ basePath, id, port: await freePort() }));
    await part.certificates.write(id, "a.pem", Buffer.from("secret"), never);
    await act(part, "start");
    await act(part, "stop");
    const folder = join(basePath, id);
    await writeFile(join(folder, "haproxy.cfg.new"), "half");
    await writeFile(join(folder, ".haproxy.cfg.0123456789ab.krater-tmp"), "half");
    await writeFile(join(basePath, "certs", id, ".a.pem.0123456789ab.krater-tmp"), "half");
    await startHaproxyPartOnce(part);
    expect(await readdir(folder)).toEqual([`${id}.pid`, "haproxy.cfg", "haproxy.running.cfg", "peer", "stopped"]);
    expect(await readdir(join(basePath, "certs", id))).toEqual(["a.pem"]);
  });

  test.skipIf(!hasTool("ip"))(
    "haproxy runs in the namespace configured; a missing one is an error that names it",
    async () => {
      const first = await startHaproxyHere();
      const { configuration } = first;
      const { basePath } = configuration.haproxyAmphora;
      await upload(first, exampleText({ basePath, id, port: 8080 }));
      configuration.krater.networkNamespace = "kt-nonexistent";
      const without = restarted(first);
      const failure = (await act(without, "start").catch((error: unknown) => error)) as {
        code: string;
        details: string;
      };
      expect(failure.code).toBe("action-failed");
      expect(failure.details).toContain("kt-nonexistent");

      const namespace = await createNamespace();
      onTestFinished(() => namespace.remove());
      configuration.krater.networkNamespace = namespace.name;
      const part = restarted(without);
      await upload(part, exampleText({ basePath, id, port: 8080, answer: "inside" }));
      await act(part, "start");
      expect(await namespace.exec("curl", "-s", "http://127.0.0.1:8080/")).toBe("inside");
      await expect(fetchBody(8080)).rejects.toThrow();
      const [seen] = await part.loadBalancers.observe();
      const pid = seen?.haproxy.state === "running" ? seen.haproxy.masterPid : 0;
      expect(haproxiesOf(first.folder)).toContain(pid);
      await act(part, "stop");
    },
  );

  test("a configuration whose bytes are no UTF-8 comes back as it was", async () => {
    const part = await startHaproxyHere();
    const text = exampleText({ basePath: part.configuration.haproxyAmphora.basePath, id, port: await freePort() });
    const bytes = Buffer.concat([
      Buffer.from("# \xe9\xff\xa0\n", "latin1"),
      Buffer.from(text.replace("    group nogroup\n", "")),
    ]);
    await part.loadBalancers.upload({ amphoraId, loadBalancerId: id, configuration: bytes }, never);
    expect(await part.loadBalancers.read(id)).toEqual(bytes);
  });
});

test.skipIf(!hasTool("mount"))("a read-only disk is a clear error, and keeps nobody from starting", async () => {
  const part = await startHaproxyHere();
  const { basePath } = part.configuration.haproxyAmphora;
  await mkdir(basePath, { recursive: true });
  await run("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", basePath]);
  onTestFinished(async () => void (await run("umount", ["-l", basePath])));
  await part.reconcile();
  const failure = (await upload(part, "global\n").catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({ code: "storage-failed" });
  expect(failure.message).toContain("read-only");
});

async function startHaproxyPartOnce(part: HaproxyPart): Promise<void> {
  part.services.close();
  const next = startHaproxyPart(part.configuration);
  onTestFinished(() => next.services.close());
  await next.reconcile();
}

/** Requests over kept connections, one after the other on each, until stopped. */
function generateLoad(port: number, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failed: string[] = [];
  let done = 0;
  let running = true;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const outgoing = request({ host: "127.0.0.1", port, agent }, (incoming) => {
        incoming.resume();
        incoming.on("end", () => {
          if (incoming.statusCode === 200) done++;
          else failed.push(`status ${incoming.statusCode}`);
          resolve();
        });
      });
      outgoing.on("error", (error) => {
        failed.push(error.message);
        resolve();
      });
      outgoing.end();
    });
  const loops = Array.from({ length: connections }, async () => {
    while (running) await one();
  });
  return {
    stop: async () => {
      running = false;
      await Promise.all(loops);
      agent.destroy();
      return { done, failed };
    },
  };
}
