import { parseArgs } from "node:util";

/**
 * `npm run test:long -- --minutes N`: the same tests, more rounds. Tests read KRATER_ROUNDS_FACTOR and
 * KRATER_DEADLINE_MS and repeat their random parts that much more; the runner stops at the deadline.
 */
const { values } = parseArgs({ options: { minutes: { type: "string", default: "60" } }, allowPositionals: true });
const minutes = Number(values.minutes);
if (!Number.isFinite(minutes) || minutes <= 0) {
  console.error(`--minutes wants a positive number, not ${values.minutes}`);
  process.exit(2);
}
process.env["KRATER_ROUNDS_FACTOR"] = "25";
process.env["KRATER_DEADLINE_MS"] = String(Date.now() + minutes * 60_000);
process.argv.splice(2);
await import("./run-tests.ts");
