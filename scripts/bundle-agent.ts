import { resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
export const agentBundle = resolve(root, "agent/dist/agent.cjs");

/** Flags every agent runs with (architecture: young generation of 1 MB, always). */
export const agentNodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=96"];

/** One CommonJS file: starts faster than ESM and 10 MB smaller than unbundled sources (measured). 0.15 s. */
export async function bundleAgent(): Promise<void> {
  await build({
    entryPoints: [resolve(root, "agent/src/app/main.ts")],
    outfile: agentBundle,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minify: true,
    keepNames: true,
    sourcemap: true,
    logLevel: "warning",
  });
}

if (import.meta.main) await bundleAgent();
