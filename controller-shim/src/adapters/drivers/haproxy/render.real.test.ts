import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../../../test/harness/tools.ts";
import type { LoadBalancerTree } from "../../../core/store/load-balancer-tree.ts";
import { largeTree } from "../../../testing/example-trees.ts";
import { admissibleTree, harmless, nastyText, treeWith, type UserStrings } from "../../../testing/random-tree.ts";
import { refuseUnsupported } from "./admit.ts";
import { HaproxyRenderer } from "./render.ts";

const realTest = test.skipIf(!hasTool("haproxy"));
const renderer = new HaproxyRenderer();

async function check(folder: string, tree: LoadBalancerTree): Promise<{ ok: boolean; output: string }> {
  const options = { basePath: folder, connectionLogging: true, haproxyVersion: "2.6.12" };
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, renderer.render(tree, options));
  return new Promise((resolve) => {
    execFile("haproxy", ["-c", "-f", file], { timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: stdout + stderr }),
    );
  });
}

/** What stock configurations make haproxy say as well. */
const harmlessWarnings =
  /server state file|will still be processed before|Configuration file is valid|Warnings were found|NOTICE/;

function complaints(output: string): string[] {
  return output.split("\n").filter((line) => line.trim() !== "" && !harmlessWarnings.test(line));
}

realTest("haproxy accepts every tree this driver admits", { timeout: 120_000 }, async () => {
  const folder = await temporaryDirectory();
  await fc.assert(
    fc.asyncProperty(admissibleTree, async (tree) => {
      refuseUnsupported(tree);
      const { ok, output } = await check(folder, tree);
      expect({ ok, complaints: ok ? complaints(output) : output }).toEqual({ ok: true, complaints: [] });
    }),
    { numRuns: 150 },
  );
});

realTest(
  "haproxy accepts whatever text a user put into a rule, a path or a redirect",
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryDirectory();
    const fields = ["ruleValue", "urlPath", "redirectUrl", "redirectPrefix", "projectId"] as const;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fields), nastyText, async (field: keyof UserStrings, text) => {
        const tree = treeWith({ ...harmless, [field]: text });
        for (const { rules } of tree.listeners[0]?.l7policies ?? []) {
          for (const rule of rules) if (rule.compare_type === "REGEX") rule.compare_type = "CONTAINS";
        }
        const outcome = await check(folder, tree).catch((error: Error) => ({
          ok: error.name === "DriverError",
          output: "",
        }));
        expect(outcome).toMatchObject({ ok: true });
      }),
      { numRuns: 150 },
    );
  },
);

realTest("haproxy accepts 50 listeners with 1,000 members", async () => {
  expect(await check(await temporaryDirectory(), largeTree())).toMatchObject({ ok: true });
});
