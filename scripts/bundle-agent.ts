import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
export const agentBundle = resolve(root, "agent/dist/agent.cjs");

/** Flags every agent runs with (architecture: young generation of 1 MB, always). */
export const agentNodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=96"];

/**
 * Set by the bundle itself, so that they hold however it is started. What an optimising compiler and its work take (8 to
 * 12 MB of RSS) is spent only on what is really hot: Maglev ten times later than usual, TurboFan never (measured).
 */
export const agentV8Flags = [
  "--no-opt",
  "--invocation-count-for-maglev=4000",
  "--invocation-count-for-maglev-osr=4000",
];

/** One CommonJS file: starts faster than ESM and 10 MB smaller than unbundled sources (measured). 0.15 s. */
export async function bundleAgent(): Promise<void> {
  const { metafile, outputFiles } = await build({
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
    metafile: true,
    write: false,
    banner: { js: `"use strict";require("node:v8").setFlagsFromString(${JSON.stringify(agentV8Flags.join(" "))});` },
  });
  // `import { z }` takes the whole of zod with it, every language included: 430 kB of code, 7 MB of memory, 60 ms.
  const taken = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([file, { bytesInOutput }]) => /zod.*locales/.test(file) && bytesInOutput > 0),
  );
  if (taken.length > 0) throw new Error('the agent bundles all of zod: write `import * as z from "zod/mini"`');
  // By rename: an amphora that boots at this instant reads the old bundle or the new one.
  await mkdir(dirname(agentBundle), { recursive: true });
  for (const { path, contents } of outputFiles) {
    await writeFile(`${path}.${process.pid}`, contents);
    await rename(`${path}.${process.pid}`, path);
  }
}

if (import.meta.main) {
  await bundleAgent().catch((error: NodeJS.ErrnoException) => {
    // A checkout of somebody else: that is no failure worth a stack trace.
    if (error.code !== "EACCES" && error.code !== "EROFS") throw error;
    console.error(`krater: the agent cannot be bundled (${error.message}): run as root, or as who owns the checkout`);
    process.exitCode = 1;
  });
}
