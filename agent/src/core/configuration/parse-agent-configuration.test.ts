import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { parseControllerList } from "./controller-list.ts";
import { parseAgentConfiguration } from "./parse-agent-configuration.ts";

const parse = (...texts: string[]) =>
  parseAgentConfiguration(
    texts.map((text, index) => ({ path: `file${index + 1}`, text })),
    { supervisor: "spawn" },
  );

test.for([
  {
    text: "[haproxy_amphora]\nbind_port = 65536",
    message: "file1:2: [haproxy_amphora] bind_port wants a whole number",
  },
  { text: "[haproxy_amphora]\nbind_port = ", message: "bind_port wants a whole number from 1 to 65535" },
  { text: "[haproxy_amphora]\nbind_host = localhost", message: "bind_host wants an IP address" },
  { text: "[haproxy_amphora]\nbase_path = var", message: "base_path wants an absolute path" },
  { text: "[DEFAULT]\ndebug = maybe", message: "file1:2: [DEFAULT] debug wants True or False" },
  { text: "[health_manager]\nheartbeat_interval = 0", message: "heartbeat_interval wants a whole number" },
  { text: "[health_manager]\ncontroller_ip_port_list = a:0", message: "has a port outside 1..65535" },
  { text: "[health_manager]\ncontroller_ip_port_list = a:http", message: "has a port outside 1..65535" },
  { text: "[controller_worker]\nloadbalancer_topology = TRIPLE", message: "wants one of SINGLE, ACTIVE_STANDBY" },
  { text: "[amphora_agent]\nagent_tls_protocol = TLSv9", message: "agent_tls_protocol wants one of" },
  { text: "[krater]\nsupervisor = init", message: "[krater] supervisor wants one of systemd, spawn" },
  { text: "[krater]\nnetwork_namespace = ../x", message: "network_namespace wants a name" },
])("$message", ({ text, message }) => {
  expect(() => parse(text)).toThrow(ConfigurationError);
  expect(() => parse(text)).toThrow(message);
});

test("no files at all give the original's defaults", () => {
  expect(parse().configuration).toEqual({
    debug: false,
    haproxyAmphora: {
      baseCertDir: "/var/lib/octavia/certs",
      basePath: "/var/lib/octavia",
      bindHost: "::",
      bindPort: 9443,
      haproxyCmd: "/usr/sbin/haproxy",
      userLogFacility: 0,
      administrativeLogFacility: 1,
    },
    healthManager: { controllers: [], heartbeatIntervalMs: 10_000, heartbeatKey: undefined },
    amphoraAgent: {
      agentServerCa: "/etc/octavia/certs/client_ca.pem",
      agentServerCert: "/etc/octavia/certs/server.pem",
      agentServerNetworkDir: "/etc/octavia/interfaces/",
      agentRequestReadTimeoutMs: 180_000,
      amphoraId: "",
      agentTlsProtocol: "TLSv1.2",
    },
    controllerWorker: { loadbalancerTopology: "SINGLE" },
    krater: {
      supervisor: "spawn",
      networkNamespace: "amphora-haproxy",
      maxconnOverLimit: "cap",
      runDirectory: "/run/krater",
      logLevel: "info",
    },
  });
});

test("a later file wins, option by option", () => {
  const { configuration } = parse(
    "[haproxy_amphora]\nbind_port = 1\nbase_path = /one\n[krater]\nlog_level = error",
    "[haproxy_amphora]\nbind_port = 2\n[krater]\nnetwork_namespace =",
  );
  expect(configuration.haproxyAmphora).toMatchObject({ bindPort: 2, basePath: "/one" });
  expect(configuration.krater).toMatchObject({ logLevel: "error", networkNamespace: "" });
});

test("what is unknown is warned about and nothing else", () => {
  const { warnings } = parse("[haproxy_amphora]\nuse_upstart = True\nnew_thing = 1\n[later]\nx = 2");
  expect(warnings).toEqual([
    { file: "file1", line: 3, message: "[haproxy_amphora] new_thing is not an option here" },
    { file: "file1", line: 5, message: "[later] x is in a section unknown here" },
  ]);
});

test("log facilities are read where controllers write them and where the original reads them", () => {
  const written = parse("[haproxy_amphora]\nuser_log_facility = 3\nadministrative_log_facility = 4").configuration;
  expect(written.haproxyAmphora).toMatchObject({ userLogFacility: 3, administrativeLogFacility: 4 });
  const read = parse("[haproxy_amphora]\nuser_log_facility = 3\n[amphora_agent]\nuser_log_facility = 5").configuration;
  expect(read.haproxyAmphora.userLogFacility).toBe(5);
});

test("a TLS version older than anybody offers becomes TLSv1.2, with a warning", () => {
  const { configuration, warnings } = parse("[amphora_agent]\nagent_tls_protocol = TLSv1");
  expect(configuration.amphoraAgent.agentTlsProtocol).toBe("TLSv1.2");
  expect(warnings).toHaveLength(1);
});

test.for([
  { value: "", want: { controllers: [], ignored: [] } },
  {
    value: "192.0.2.1:5555, [2001:db8::2]:5556,health.example:5557",
    want: {
      controllers: [
        { host: "192.0.2.1", port: 5555 },
        { host: "2001:db8::2", port: 5556 },
        { host: "health.example", port: 5557 },
      ],
      ignored: [],
    },
  },
  { value: "2001:db8::2:5555", want: { controllers: [{ host: "2001:db8::2", port: 5555 }], ignored: [] } },
  { value: "a:1, b, c:3", want: { controllers: [{ host: "a", port: 1 }], ignored: ["b", "c:3"] } },
  { value: "[2001:db8::2], c:3", want: { controllers: [], ignored: ["[2001:db8::2]", "c:3"] } },
])("controllers %j", ({ value, want }) => {
  expect(parseControllerList(value)).toEqual({ ok: true, ...want });
});

test("an entry without a port is warned about", () => {
  const { configuration, warnings } = parse("[health_manager]\ncontroller_ip_port_list = a:1,\n b, c:3");
  expect(configuration.healthManager.controllers).toEqual([{ host: "a", port: 1 }]);
  expect(warnings[0]?.message).toContain('ends before "b", which has no port: 2 of its entries are ignored');
});

test("the heartbeat key is in no error and no warning, whatever else is wrong", () => {
  const key = "s3cr3t-value";
  const broken = fc.constantFrom("[x", "debug = 7", "y", "= 1", "\0", "bind_port = x", "controller_ip_port_list = z:z");
  const section = fc.constantFrom("[DEFAULT]", "[health_manager]", "[haproxy_amphora]", "[other]");
  fc.assert(
    fc.property(section, broken, section, (first, line, second) => {
      const said = (() => {
        try {
          return JSON.stringify(
            parse(`${first}\n${line}\n${second}\nheartbeat_key = ${key}\nheartbeat_key ${key}`).warnings,
          );
        } catch (error) {
          return String(error);
        }
      })();
      expect(said).not.toContain(key);
    }),
  );
});

testWithFixtures("files rendered by real controllers parse without a warning", () => {
  const folder = join(sharedFixtures, "boot");
  const files = readdirSync(folder).filter((name) => /^amphora-agent\..*\.conf$/.test(name));
  expect(files.length).toBeGreaterThanOrEqual(2);
  for (const name of files) {
    const { configuration, warnings } = parse(readFileSync(join(folder, name), "utf8"));
    expect(warnings).toEqual([]);
    expect(configuration).toMatchObject({
      healthManager: {
        controllers: [
          { host: "192.0.2.1", port: 5555 },
          { host: "2001:db8:f::2", port: 5555 },
        ],
        heartbeatIntervalMs: 10_000,
        heartbeatKey: "insecure-test-key",
      },
      amphoraAgent: { amphoraId: "a3000001-0001-4000-8000-000000000001", agentTlsProtocol: "TLSv1.2" },
      controllerWorker: { loadbalancerTopology: "ACTIVE_STANDBY" },
    });
  }
});
