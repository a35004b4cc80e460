import { HaproxyRenderer } from "../../controller-shim/src/adapters/drivers/haproxy/render.ts";
import { largeTree, listenerOf, poolOf, treeOf } from "../../controller-shim/src/testing/example-trees.ts";
import { SIZES, sizeNames } from "./configuration.ts";
import { median, percentile } from "./numbers.ts";
import type { BenchResult, Figure } from "./report.ts";

const RUNS = 50;
const trees = { small: () => treeOf([listenerOf(1)], [poolOf(1)]), large: largeTree };
const limit = { small: undefined, large: 15 };
const stock = { small: "0.51 ms (first 83 ms)", large: "58 ms" };

/** The shim's haproxy driver turning a load balancer into its configuration, templates already compiled. */
export function benchRender(): Promise<BenchResult> {
  const renderer = new HaproxyRenderer();
  const options = { basePath: "/var/lib/octavia", connectionLogging: true, haproxyVersion: "2.6.12" };
  const figures: Figure[] = [];
  const notes: string[] = [];
  for (const size of sizeNames) {
    const { listeners, members } = SIZES[size];
    const tree = trees[size]();
    const tookMs: number[] = [];
    let bytes = 0;
    for (let run = 0; run < RUNS; run++) {
      const startedMs = performance.now();
      bytes = renderer.render(tree, options).length;
      tookMs.push(performance.now() - startedMs);
    }
    const atMost = limit[size];
    figures.push({
      name: `${listeners} listeners, ${members} members, p50`,
      value: median(tookMs),
      unit: "ms",
      ...(atMost === undefined ? {} : { atMost }),
      beside: { what: "the first of them", value: tookMs[0] ?? Number.NaN },
      stock: stock[size],
    });
    notes.push(
      `${listeners} listeners, ${members} members: ${bytes} bytes, p99 ${percentile(tookMs, 0.99).toFixed(1)} ms`,
    );
  }
  return Promise.resolve({ name: "render", figures, notes: [...notes, `${RUNS} runs each`] });
}
