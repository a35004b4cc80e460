import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

/**
 * `npm test`: every vitest project, then one line counted from the runner's own report. Arguments go to vitest
 * (`npm test -- --project unit`).
 */
const root = resolve(import.meta.dirname, "..");
const report = join(root, "test-results/report.json");

await mkdir(join(root, "test-results"), { recursive: true });
await rm(report, { force: true });

const runner = spawn(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);

// Nothing waits for ever: 20 minutes for everybody, what --minutes says (and two to wind up) for the long suites.
const deadlineMs = Number(process.env["KRATER_DEADLINE_MS"] ?? Date.now() + 18 * 60_000) + 120_000;
const watchdog = setTimeout(() => {
  console.error("the deadline of this run has passed: ending the test runner");
  runner.kill("SIGTERM");
  setTimeout(() => runner.kill("SIGKILL"), 10_000).unref();
}, deadlineMs - Date.now());

const code = await new Promise<number>((done) => runner.once("exit", (status) => done(status ?? 1)));
clearTimeout(watchdog);

const counted = await readFile(report, "utf8").then(
  (text) =>
    JSON.parse(text) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numTodoTests: number;
      numFailedTestSuites: number;
    },
  () => undefined,
);
if (!counted) {
  console.log("the test runner left no report\n0 passed, 1 failed, 0 skipped");
  process.exitCode = 1;
} else {
  // A file that cannot even be loaded has no tests of its own: it counts as one failure.
  const failed = Math.max(counted.numFailedTests, code === 0 ? 0 : 1);
  console.log(
    `${counted.numPassedTests} passed, ${failed} failed, ${counted.numPendingTests + counted.numTodoTests} skipped`,
  );
  process.exitCode = code !== 0 || counted.numPassedTests === 0 ? 1 : 0;
}
