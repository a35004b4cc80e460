import { expect, test } from "vitest";
import { ConfigurationError, defaultConfiguration, parseConfiguration } from "./config.ts";

const refused = (text: string): string => {
  try {
    parseConfiguration(text, "shim.toml");
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "accepted";
};

test.for([
  { name: "text that is not TOML names its line", text: 'instance = "a"\n[api\n', want: /^shim\.toml:[23]: / },
  { name: "an unknown setting", text: "\nintsance = 'a'", want: "shim.toml:2: intsance: is not a setting" },
  {
    name: "an unknown setting in a table",
    text: "[api]\n# x\nprot = 1",
    want: "shim.toml:3: api.prot: is not a setting",
  },
  { name: "an unknown table", text: "instance='a'\n[apis]\nport = 1", want: "shim.toml:2: apis: is not a setting" },
  { name: "a long instance name", text: "instance = 'krater7'", want: "shim.toml:1: instance: must be 1 to 6" },
  { name: "a relative state folder", text: "state_directory = 'x'", want: "state_directory: must be an absolute path" },
  { name: "a port as text", text: "[api]\nport = '9876'", want: "shim.toml:2: api.port: " },
  { name: "a port out of range", text: "[api]\nport = 65536", want: "shim.toml:2: api.port: " },
  {
    name: "a network with host bits",
    text: "[networks]\nvip = '10.0.0.1/24'",
    want: "shim.toml:2: networks.vip: must",
  },
  { name: "overlapping networks", text: "[networks]\nvip = '198.18.0.0/16'", want: "networks: the networks overlap" },
  {
    name: "an open address without a secret",
    text: "[api]\nhost = '0.0.0.0'",
    want: "shim.toml:2: api.host: host is not",
  },
  { name: "a user without a password", text: "[api]\nusername = 'u'", want: "shim.toml:1: api: username and password" },
  {
    name: "a timeout that one late beat would trip",
    text: "[health]\nheartbeat_interval_seconds = 10\nheartbeat_timeout_seconds = 15",
    want: "shim.toml:3: health.heartbeat_timeout_seconds: must be at least two",
  },
])("$name is refused with file, line and reason", ({ text, want }) => {
  expect(refused(text)).toMatch(want);
});

test("no file means a working single machine", () => {
  expect(defaultConfiguration()).toMatchObject({
    instance: "krater",
    state_directory: "/var/lib/krater",
    api: { host: "127.0.0.1", port: 9876 },
    networks: { management: "198.18.0.0/24", vip: "198.18.1.0/24", members: "198.18.2.0/24" },
    health: { heartbeat_port: 5555, heartbeat_interval_seconds: 5 },
  });
});

test("a table may give one setting and keeps the other defaults", () => {
  const parsed = parseConfiguration("[health]\nheartbeat_interval_seconds = 1\n", "shim.toml");
  expect(parsed.health).toMatchObject({ heartbeat_interval_seconds: 1, heartbeat_timeout_seconds: 30 });
});

test("a secret of the file never shows in an error", () => {
  expect(refused('[api]\ntoken = "short"\n')).not.toContain("short");
});
