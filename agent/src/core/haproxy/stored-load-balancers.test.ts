import { expect, test } from "vitest";
import { exampleConfiguration } from "../../testing/agent-configuration.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeFiles } from "../../testing/fake-files.ts";
import { FakeLog } from "../../testing/fake-log.ts";
import { FakeMachine, FakeServiceManager } from "../../testing/fake-service-manager.ts";
import { AgentError } from "../agent-error.ts";
import { createLoadBalancers } from "./create-load-balancers.ts";

const id = "1b000001-0001-4000-8000-000000000001";
const name = `haproxy-${id}`;
const folder = `/var/lib/octavia/${id}`;
const never = new AbortController().signal;
const text = "global\n    group nogroup\n    maxconn 50000\nfrontend f\n    mode http\n";

/** The haproxy part over a fake machine; `again` is the next agent on the same one. */
function make(files = new FakeFiles(), machine = new FakeMachine()) {
  const services = new FakeServiceManager(machine);
  const log = new FakeLog();
  const events: string[] = [];
  const check = { words: "", calls: [] as string[], before: async () => {} };
  const configuration = exampleConfiguration();
  const refuseReload = { now: false };
  const workers = { reported: 1 };
  const part = createLoadBalancers({
    configuration: { current: () => configuration },
    files,
    services,
    check: {
      check: async ({ files: [candidate = ""] }) => {
        check.calls.push(String(await files.read(candidate)));
        await check.before();
        return { ok: check.words === "", words: check.words };
      },
    },
    sockets: {
      converse: async () => Promise.reject(new Error("nobody to talk to")),
      // A master that reports a new worker, or one more failure, for every reload asked for.
      query: async (_path, command) => {
        if (command !== "show proc") return "";
        const masterPid = machine.running.get(name)?.pid ?? 0;
        const failed = refuseReload.now ? services.reloads.length : 0;
        workers.reported = 10 + services.reloads.length - failed;
        return `${masterPid} master ${services.reloads.length} [failed: ${failed}]\n# workers\n${workers.reported} worker 0\n`;
      },
    },
    openFiles: { limit: async () => 20_000 },
    clock: new FakeClock(),
    log,
    events: { publish: (event) => void events.push(event) },
  });
  const upload = (body = text) =>
    part.loadBalancers.upload({ amphoraId: "amp_123", loadBalancerId: id, configuration: Buffer.from(body) }, never);
  const read = async (file: string): Promise<string> => String(await files.read(`${folder}/${file}`));
  return { ...part, files, machine, services, log, events, check, configuration, refuseReload, upload, read };
}

test.for(["", "..", "a/b", "certs", "x".repeat(200)])("the id <%s> is refused by every verb", async (bad) => {
  const { loadBalancers } = make();
  const refused = { code: "bad-identifier" };
  const request = { amphoraId: "a", loadBalancerId: bad, configuration: Buffer.from("") };
  await expect(loadBalancers.upload(request, never)).rejects.toMatchObject(refused);
  await expect(loadBalancers.read(bad)).rejects.toMatchObject(refused);
  await expect(loadBalancers.act(bad, "start", never)).rejects.toMatchObject(refused);
  await expect(loadBalancers.delete(bad, never)).rejects.toMatchObject(refused);
});

test("what was never uploaded cannot be acted on, reads as nothing, and may be deleted", async () => {
  const { loadBalancers, events } = make();
  await expect(loadBalancers.act(id, "stop", never)).rejects.toMatchObject({
    code: "load-balancer-not-found",
    message: `No loadbalancer with UUID: ${id}`,
  });
  expect(await loadBalancers.read(id)).toBeUndefined();
  await loadBalancers.delete(id, never);
  expect(events).toEqual([]);
});

test("haproxy checks what it would run, the store keeps what was sent", async () => {
  const part = make();
  await part.upload();
  expect(part.check.calls).toEqual([
    "global\n    maxconn 9872 # agent: 50000 wanted, open files limited to 20000\nfrontend f\n    option idle-close-on-response\n    mode http\n",
  ]);
  expect(await part.read("haproxy.cfg")).toBe("global\n    maxconn 50000\nfrontend f\n    mode http\n");
  expect(part.files.modeOf(`${folder}/haproxy.cfg`)).toBe(0o600);
  expect(await part.read("peer")).toBe("WCbTKE70m_IHc_MucbXK5CkEoWQ\n");
  expect(part.machine.installed.has(name)).toBe(true);
  expect(part.machine.running.size).toBe(0);
});

test("a refusal tells the upload's own lines, keeps the refused text apart and the good one in place", async () => {
  const part = make();
  await part.upload();
  part.check.words = `[ALERT] parsing [${folder}/haproxy.cfg.new:5] : bad mode`;
  await expect(part.upload(text.replace("http", "hppt"))).rejects.toMatchObject({
    code: "config-invalid",
    details: `[ALERT] parsing [${folder}/haproxy.cfg.new:6] : bad mode`,
  });
  expect(await part.read("haproxy.cfg.new-failed")).toContain("hppt");
  expect(await part.read("haproxy.cfg")).not.toContain("hppt");
  expect(await part.files.list(folder)).toEqual(["haproxy.cfg", "haproxy.cfg.new-failed", "peer"]);
});

test("a full disk is told, and nothing has changed", async () => {
  const part = make();
  await part.upload();
  part.files.full = true;
  await expect(part.upload(`${text}# more\n`)).rejects.toMatchObject({ code: "storage-failed" });
  await expect(part.loadBalancers.act(id, "start", never)).rejects.toMatchObject({ code: "storage-failed" });
  part.files.full = false;
  expect(await part.read("haproxy.cfg")).not.toContain("more");
  expect(part.machine.running.size).toBe(0);
});

test("a start that fails leaves nothing running and says why in the upload's words", async () => {
  const part = make();
  await part.upload();
  part.machine.broken.set(name, `[ALERT] Binding [${folder}/haproxy.running.cfg:3] cannot bind`);
  await expect(part.loadBalancers.act(id, "start", never)).rejects.toMatchObject({
    code: "action-failed",
    message: "Error starting haproxy",
    details: `[ALERT] Binding [${folder}/haproxy.cfg:3] cannot bind`,
  });
  expect(await part.files.read(`${folder}/haproxy.running.cfg`)).toBeUndefined();
  expect(part.events).toContain("load-balancer.apply-failed");
});

test("a reload that is refused brings the last good file back", async () => {
  const part = make();
  await part.upload();
  await part.loadBalancers.act(id, "start", never);
  const good = await part.read("haproxy.running.cfg");
  await part.upload(`${text}# newer\n`);
  part.refuseReload.now = true;
  await expect(part.loadBalancers.act(id, "reload", never)).rejects.toMatchObject({ code: "action-failed" });
  expect(await part.read("haproxy.running.cfg")).toBe(good);
  part.refuseReload.now = false;
});

test("start, reload, stop: what was done is told, a stop is remembered until the next start", async () => {
  const part = make();
  await part.upload();
  expect(await part.loadBalancers.act(id, "reload", never)).toEqual({ effective: "start" });
  expect(await part.loadBalancers.act(id, "reload", never)).toEqual({ effective: "reload" });
  expect(await part.loadBalancers.act(id, "stop", never)).toEqual({ effective: "stop" });
  const next = make(part.files, part.machine);
  await next.reconcile();
  expect((await next.loadBalancers.observe()).map(({ haproxy }) => haproxy)).toEqual([{ state: "stopped" }]);
  expect(await next.loadBalancers.act(id, "start", never)).toEqual({ effective: "start" });
  const last = make(part.files, part.machine);
  await last.reconcile();
  expect(last.events).toContain("haproxy.adopted");
  expect((await last.loadBalancers.observe())[0]).toMatchObject({
    haproxy: { state: "running" },
    maxconn: { wanted: 50_000, capped: 9_872, openFilesLimit: 20_000 },
  });
});

test("what should run and does not is started by the next agent", async () => {
  const part = make();
  await part.upload();
  const next = make(part.files, part.machine);
  await next.reconcile();
  expect((await next.loadBalancers.observe())[0]?.haproxy.state).toBe("running");
  expect(await next.loadBalancers.listeners()).toEqual([{ uuid: "f", status: "ACTIVE", type: "HTTP" }]);
});

test("a stop that was interrupted is finished by the next agent", async () => {
  const part = make();
  await part.upload();
  await part.loadBalancers.act(id, "start", never);
  await part.files.write(`${folder}/stopped`, "", { mode: 0o644 });
  const next = make(part.files, part.machine);
  await next.reconcile();
  expect(part.machine.running.size).toBe(0);
});

test("one load balancer's trouble does not keep the others from starting", async () => {
  const part = make();
  await part.upload();
  await part.files.write("/var/lib/octavia/aaa/haproxy.cfg", text, { mode: 0o600 });
  const next = make(part.files, part.machine);
  next.configuration.krater.maxconnOverLimit = "refuse";
  await part.files.write(`${folder}/haproxy.cfg`, "frontend f\n", { mode: 0o600 });
  await next.reconcile();
  expect((await next.loadBalancers.observe()).map(({ haproxy }) => haproxy.state)).toEqual(["running", "stopped"]);
  expect(next.log.lines.map(({ event }) => event)).toContain("load-balancer.not-reconciled");
});

test.for([
  { text: "\n".repeat(100_001), refused: ":100001: more than 100000 lines" },
  { text: `global\n${"'\\".repeat(200_000)}\n`, refused: ":2: a line longer than 262144 bytes" },
  { text: "#".repeat(300_000), refused: ":1: a line longer than 262144 bytes" },
  { text: "\n".repeat(100_000), refused: undefined },
  { text: `${"#".repeat(262_143)}\n`.repeat(3), refused: undefined },
])("more or longer lines than any controller writes are refused before they cost memory: $refused", async (given) => {
  const part = make();
  const uploading = part.upload(given.text);
  if (given.refused === undefined) return uploading;
  const details = `${folder}/haproxy.cfg.new${given.refused}`;
  await expect(uploading).rejects.toMatchObject({ code: "config-invalid", details });
  expect(part.check.calls).toEqual([]);
});

test("a load balancer whose file cannot be read keeps nobody from starting, and can be deleted", async () => {
  const part = make();
  await part.upload();
  const unreadable = "/var/lib/octavia/aaa/haproxy.cfg";
  await part.files.write(unreadable, text, { mode: 0o600 });
  const next = make(part.files, part.machine);
  const read = next.files.read.bind(next.files);
  next.files.read = async (path) => {
    if (path === unreadable) throw new AgentError("storage-failed", `${path}: not a regular file`);
    return read(path);
  };
  await next.reconcile();
  expect((await next.loadBalancers.observe()).map(({ haproxy }) => haproxy.state)).toEqual(["running"]);
  expect(next.log.lines.map(({ event }) => event)).toContain("load-balancer.not-reconciled");
  await next.loadBalancers.delete("aaa", never);
  expect(await part.files.list("/var/lib/octavia/aaa")).toEqual([]);
});

test("a full disk does not keep a load balancer from being deleted", async () => {
  const part = make();
  await part.upload();
  await part.loadBalancers.act(id, "start", never);
  part.files.full = true;
  await expect(part.loadBalancers.act(id, "stop", never)).rejects.toMatchObject({ code: "storage-failed" });
  expect(part.machine.running.size).toBe(1);
  await part.loadBalancers.delete(id, never);
  expect(part.machine.running.size).toBe(0);
  expect(await part.files.list(folder)).toEqual([]);
});

test("a delete stops haproxy and takes every file with it, certificates too", async () => {
  const part = make();
  await part.upload();
  await part.loadBalancers.act(id, "start", never);
  await part.certificates.write(id, "a.pem", Buffer.from("key"), never);
  await part.loadBalancers.delete(id, never);
  expect(part.machine.running.size).toBe(0);
  expect(part.machine.installed.size).toBe(0);
  expect(await part.files.list("/var/lib/octavia")).toEqual(["haproxy-default-user-group.conf"]);
  expect(part.events.at(-1)).toBe("load-balancer.deleted");
});

test("a death and a restart are counted and told", async () => {
  const part = make();
  await part.upload();
  await part.loadBalancers.act(id, "start", never);
  part.services.kill(name);
  expect(part.events.slice(-2)).toEqual(["haproxy.died", "haproxy.restarted"]);
  expect((await part.loadBalancers.observe())[0]?.restarts).toBe(1);
});

test("certificates: bytes as they came, their md5, gone when deleted, tricks refused", async () => {
  const { certificates, files } = make();
  const bytes = Buffer.from([0, 255, 13, 10]);
  await certificates.write(id, "a.pem", bytes, never);
  expect(await files.read(`/var/lib/octavia/certs/${id}/a.pem`)).toEqual(bytes);
  expect(files.modeOf(`/var/lib/octavia/certs/${id}/a.pem`)).toBe(0o600);
  expect(await certificates.md5(id, "a.pem")).toBe("a0768490dadf888828db23dd7d19e193");
  await certificates.delete(id, "a.pem", never);
  await certificates.delete(id, "a.pem", never);
  expect(await certificates.md5(id, "a.pem")).toBeUndefined();
  await expect(certificates.write(id, "../../a.pem", bytes, never)).rejects.toMatchObject({
    code: "bad-certificate-name",
  });
  await expect(certificates.write("..", "a.pem", bytes, never)).rejects.toMatchObject({ code: "bad-identifier" });
});

test("changes of one load balancer and its certificates come one after the other; others and reads wait for nobody", async () => {
  const { loadBalancers, certificates, files, upload, check } = make();
  const gate = Promise.withResolvers<void>();
  check.before = () => gate.promise;
  const order: string[] = [];
  const first = upload().then(() => order.push("upload"));
  const second = certificates.write(id, "a.pem", Buffer.from("key"), never).then(() => order.push("certificate"));
  await certificates.write("other", "a.pem", Buffer.from("key"), never);
  expect(await loadBalancers.read(id)).toBeUndefined();
  expect(await certificates.md5(id, "a.pem")).toBeUndefined();
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["upload", "certificate"]);
  expect(await files.list("/var/lib/octavia/certs")).toEqual([id, "other"]);
});
