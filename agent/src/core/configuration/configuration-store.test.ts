import { expect, test } from "vitest";
import { FakeLog } from "../../testing/fake-log.ts";
import { AgentError } from "../agent-error.ts";
import type { AgentEvents } from "../events/agent-events.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { ConfigurationStore, readConfigurationFiles } from "./configuration-store.ts";
import { CurrentConfiguration } from "./live-configuration.ts";
import { parseAgentConfiguration } from "./parse-agent-configuration.ts";

const octavia = "[health_manager]\nheartbeat_key = old-key\nheartbeat_interval = 10\n";
const krater = "[krater]\nlog_level = warn\n";

const forever = new AbortController().signal;

async function setup() {
  const disk = new Map([
    ["/octavia", Buffer.from(octavia)],
    ["/krater", Buffer.from(krater)],
  ]);
  const modes: number[] = [];
  const files = {
    read: async (path: string) => disk.get(path),
    write: async (path: string, content: Buffer | string, options: { mode: number }) => {
      modes.push(options.mode);
      disk.set(path, Buffer.from(content));
    },
  };
  const paths = ["/octavia", "/krater"];
  const defaults = { supervisor: "spawn" as const };
  const first = parseAgentConfiguration(await readConfigurationFiles(paths, files), defaults).configuration;
  const current = new CurrentConfiguration(first);
  const log = new FakeLog();
  const published: unknown[] = [];
  let applied = 0;
  const store = new ConfigurationStore({
    paths,
    files,
    defaults,
    current,
    log,
    events: {
      publish: <Name extends keyof AgentEvents>(_name: Name, data: AgentEvents[Name]) => void published.push(data),
    },
    applied: () => applied++,
  });
  return { disk, files, modes, current, log, published, store, applied: () => applied };
}

test.for([
  { name: "a text that does not parse", content: Buffer.from("nonsense") },
  { name: "no text at all", content: Buffer.from(" \n") },
  { name: "a value out of range", content: Buffer.from("[health_manager]\nheartbeat_interval = x\n") },
  { name: "bytes that are not UTF-8", content: Buffer.from([0x5b, 0xff, 0x5d]) },
])("$name keeps the old file and the old settings", async ({ content }) => {
  const { store, disk, current, applied } = await setup();
  const before = current.current();
  await expect(store.replaceFirst(content, forever)).rejects.toMatchObject({ code: "agent-config-failed" });
  await expect(store.replaceFirst(content, forever)).rejects.toBeInstanceOf(AgentError);
  expect(disk.get("/octavia")?.toString()).toBe(octavia);
  expect(current.current()).toBe(before);
  expect(applied()).toBe(0);
});

test("a new file is stored for the owner only, and its mutable options are in force", async () => {
  const { store, disk, modes, current, log, published, applied } = await setup();
  const next =
    "[DEFAULT]\ndebug = True\n[health_manager]\nheartbeat_key = new-key\ncontroller_ip_port_list = h:1\n" +
    "[haproxy_amphora]\nbind_port = 1234\n[controller_worker]\nloadbalancer_topology = ACTIVE_STANDBY\n";
  await store.replaceFirst(Buffer.from(next), forever);
  expect(disk.get("/octavia")?.toString()).toBe(next);
  expect(modes).toEqual([0o600]);
  expect(current.current()).toMatchObject({
    debug: true,
    haproxyAmphora: { bindPort: 9443 },
    healthManager: { heartbeatKey: "new-key", controllers: [{ host: "h", port: 1 }] },
    controllerWorker: { loadbalancerTopology: "ACTIVE_STANDBY" },
    krater: { logLevel: "warn" },
  });
  const changed = ["debug", "controller_ip_port_list", "heartbeat_key", "loadbalancer_topology"];
  expect(published).toEqual([{ changed, source: "api" }]);
  expect(log.lines.find((line) => line.event === "configuration.kept")).toMatchObject({
    options: ["haproxyAmphora.bindPort"],
  });
  expect(applied()).toBe(1);
  expect(JSON.stringify(log.lines)).not.toMatch(/old-key|new-key/);
});

test("a full disk keeps the old file and the old settings", async () => {
  const { store, disk, current, files } = await setup();
  const before = current.current();
  files.write = () => Promise.reject(new AgentError("storage-failed", "/octavia: no space left on the disk"));
  await expect(store.replaceFirst(Buffer.from("[DEFAULT]\ndebug = True\n"), forever)).rejects.toMatchObject({
    code: "agent-config-failed",
    details: "/octavia: no space left on the disk",
  });
  expect(disk.get("/octavia")?.toString()).toBe(octavia);
  expect(current.current()).toBe(before);
});

test("a signal in the middle of an upload does not bring the old settings back", async () => {
  const { store, current, files } = await setup();
  const write = files.write;
  const { promise, resolve } = Promise.withResolvers<void>();
  files.write = async (path, content, options) => {
    await promise;
    await write(path, content, options);
  };
  const replacing = store.replaceFirst(Buffer.from("[health_manager]\nheartbeat_interval = 7\n"), forever);
  const reloading = store.reload(forever);
  resolve();
  await Promise.all([replacing, reloading]);
  expect(current.current().healthManager.heartbeatIntervalMs).toBe(7_000);
});

test("a signal reads every file again", async () => {
  const { store, disk, current, published } = await setup();
  disk.set("/krater", Buffer.from("[health_manager]\nheartbeat_interval = 3\n"));
  await store.reload(forever);
  expect(current.current().healthManager.heartbeatIntervalMs).toBe(3_000);
  expect(published).toEqual([{ changed: ["heartbeat_interval"], source: "signal" }]);
});

test("a file that is gone changes nothing", async () => {
  const { store, disk, current } = await setup();
  const before = current.current();
  disk.delete("/krater");
  await expect(store.reload(forever)).rejects.toBeInstanceOf(ConfigurationError);
  await expect(store.reload(forever)).rejects.toThrow("/krater: there is no such file");
  expect(current.current()).toBe(before);
});
