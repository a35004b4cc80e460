import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { exampleLoadBalancer } from "../../testing/example-rows.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";

/** Adds a row and counts it in another, in one transaction after the other; says each number once it is promised. */
const writer = `
  const { openSqliteStore } = await import(process.argv[1]);
  const { exampleLoadBalancer } = await import(process.argv[2]);
  const store = await openSqliteStore(process.argv[3]);
  const row = (n) => exampleLoadBalancer({ id: "row-" + String(n).padStart(9, "0") });
  let n = (await store.get("load_balancer", "counter")).attempts;
  while (true) {
    n += 1;
    await store.transaction(async (tables) => {
      await tables.insert("load_balancer", row(n));
      await tables.update("load_balancer", "counter", { attempts: n });
    });
    process.stdout.write(n + "\\n");
  }
`;

test("kill -9 in the middle of writing loses nothing that was acknowledged and leaves no half", async () => {
  const path = join(await temporaryDirectory(), "state.sqlite");
  const store = await openSqliteStore(path);
  await store.insert("load_balancer", exampleLoadBalancer({ id: "counter", attempts: 0 }));
  await store.close();

  let acknowledged = 0;
  for (let round = 1; round <= 5; round++) {
    acknowledged = await writeUntilKilled(path, acknowledged, 40 * round);
    const again = await openSqliteStore(path);
    const count = (await again.get("load_balancer", "counter"))?.attempts ?? -1;
    const rows = (await again.list("load_balancer")).filter((row) => row.id.startsWith("row-"));
    await again.close();
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count).toBeLessThanOrEqual(acknowledged + 1); // one may have been promised with its last breath
    expect(rows).toHaveLength(count);
    acknowledged = count;
  }
});

/** The last number the writer said before it was killed, after at least `atLeast` of them. */
async function writeUntilKilled(path: string, from: number, atLeast: number): Promise<number> {
  const modules = [import.meta.resolve("./open-sqlite-store.ts"), import.meta.resolve("../../testing/example-rows.ts")];
  const args = ["--input-type=module", "--eval", writer, ...modules, resolve(path)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  if (!child.stdout) throw new Error("no output");
  const exited = once(child, "exit");
  let last = from;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last === from + atLeast) child.kill("SIGKILL");
  }
  await exited;
  expect(child.signalCode).toBe("SIGKILL");
  return last;
}
