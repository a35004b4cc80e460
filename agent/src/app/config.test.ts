import { expect, test } from "vitest";
import { ConfigurationError } from "../core/configuration/configuration-error.ts";
import { loadConfiguration, logLevelOf, parseCommandLine } from "./config.ts";

test.for([
  { args: ["--nonsense"], want: { kind: "wrong" } },
  { args: ["--config-file"], want: { kind: "wrong" } },
  { args: ["stray"], want: { kind: "wrong" } },
  { args: [], want: { kind: "run", configFiles: ["/etc/octavia/amphora-agent.conf"] } },
  { args: ["--config-file", "/a", "--config-file=/b"], want: { kind: "run", configFiles: ["/a", "/b"] } },
  { args: ["--config-file", "/a", "--help"], want: { kind: "help" } },
  { args: ["-h"], want: { kind: "help" } },
  { args: ["--version"], want: { kind: "version" } },
])("$args", ({ args, want }) => {
  expect(parseCommandLine(args)).toMatchObject(want);
});

const load = (text: string) =>
  loadConfiguration(["/a"], { read: async () => Buffer.from(text) }, { supervisor: "systemd" });

test("an amphora id that could not be in a path or a message is refused", async () => {
  await expect(load("[amphora_agent]\namphora_id = ../x")).rejects.toBeInstanceOf(ConfigurationError);
});

test("debug wins over the log level of our own file", async () => {
  const levelOf = async (text: string) => logLevelOf((await load(text)).configuration);
  expect(await levelOf("[krater]\nlog_level = error")).toBe("error");
  expect(await levelOf("[DEFAULT]\ndebug = True\n[krater]\nlog_level = error")).toBe("debug");
  expect((await load("")).configuration.krater.supervisor).toBe("systemd");
});
