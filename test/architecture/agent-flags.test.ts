import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { agentNodeFlags } from "../../scripts/bundle-agent.ts";

const root = resolve(import.meta.dirname, "../..");

/** None of them can import the flags from where they are kept; a forgotten one would cost an amphora its memory. */
test.for([
  { who: "npm run agent", file: "package.json" },
  { who: "systemd", file: "systemd/krater-agent.service" },
  { who: "the netns driver", file: "controller-shim/src/adapters/drivers/netns/netns-driver.ts" },
])("$who starts the agent with the flags everybody uses", ({ file }) => {
  expect(readFileSync(resolve(root, file), "utf8")).toContain(agentNodeFlags.join(" "));
});
