import { afterEach, expect, test, vi } from "vitest";
import { parseDemoSettings } from "./settings.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test.for([
  { name: "an unknown option", args: ["--chek"], words: "unknown option '--chek'" },
  { name: "a word too many", args: ["check"], words: "too many arguments" },
  { name: "a rate of nothing", args: ["--rate", "0"], words: "a whole number from 1 to 500" },
  { name: "a rate beyond the bound", args: ["--rate", "501"], words: "a whole number from 1 to 500" },
  { name: "a port that is none", args: ["--port", "http"], words: "a whole number from 1 to 65535" },
  { name: "an instance with room for no link name", args: ["--instance", "toolong"], words: "1 to 6 characters" },
  { name: "an instance that is a path", args: ["--instance", "../a"], words: "1 to 6 characters" },
  { name: "two networks", args: ["--networks", "198.18.1.0/24,198.18.2.0/24"], words: "three networks" },
  {
    name: "a network that is a host",
    args: ["--networks", "198.18.1.1/24,198.18.2.0/24,198.18.3.0/24"],
    words: "three",
  },
])("$name is refused with exit code 2 and words", ({ args, words }) => {
  const written: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  expect(() => parseDemoSettings(args)).toThrow("exit 2");
  expect(exit).toHaveBeenCalledOnce();
  expect(written.join("")).toContain(words);
});

test("an option that npm kept for itself is told, not lost", () => {
  vi.stubEnv("npm_config_check", "true");
  const written: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  expect(() => parseDemoSettings([])).toThrow("exit 2");
  expect(written.join("")).toContain("npm start -- --check");
  expect(parseDemoSettings(["--check"]).check).toBe(true);
});

test("without arguments it is the demo of the documentation", () => {
  expect(parseDemoSettings([])).toEqual({
    check: false,
    requestsPerSecond: 20,
    instance: "demo",
    stateFolder: "/run/krater-demo",
    shimStateDirectory: "/run/krater-demo/shim",
    apiPort: 19_876,
    heartbeatPort: 5_555,
    networks: { management: "198.18.16.0/24", vip: "198.18.17.0/24", members: "198.18.18.0/24" },
  });
});
