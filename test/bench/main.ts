import { parseArgs } from "node:util";
import { benchApply } from "./apply.ts";
import { cleanUp, cleanUpOnSignals } from "./cleanup.ts";
import { benchHeartbeat } from "./heartbeat.ts";
import { benchInfo } from "./info.ts";
import { benchMemory } from "./memory.ts";
import { benchRender } from "./render.ts";
import { type BenchResult, misses, table, writeResults } from "./report.ts";
import { benchStart } from "./start.ts";

/** `npm run bench [-- NAME...] [--no-gate]`: everything, or what is named. Exit code 1 when a figure misses its limit. */
const benchmarks: Record<string, () => Promise<BenchResult>> = {
  start: benchStart,
  info: benchInfo,
  apply: benchApply,
  heartbeat: benchHeartbeat,
  render: benchRender,
  memory: benchMemory,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "no-gate": { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(benchmarks, name));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no benchmark called ${unknown.join(", ")}`);
  console.log(`npm run bench [-- NAME...] [--no-gate]\nbenchmarks: ${Object.keys(benchmarks).join(", ")}`);
  process.exit(values.help ? 0 : 2);
}

const startedAt = new Date();
const results: BenchResult[] = [];
cleanUpOnSignals();
try {
  for (const [name, bench] of Object.entries(benchmarks)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const result = await bench();
    results.push(result);
    console.log(table(result));
  }
} finally {
  await cleanUp();
}
console.log(`\nwritten to ${await writeResults(results, startedAt)}`);
const missed = results.flatMap(misses);
if (missed.length > 0) {
  console.log(`${missed.length} figure(s) missed: ${missed.map((each) => each.name).join("; ")}`);
  if (!values["no-gate"]) process.exitCode = 1;
}
