import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join, resolve } from "node:path";

export interface Figure {
  name: string;
  value: number;
  unit: "ms" | "MB" | "times";
  /** Largest value that still holds what the project promises. Figures without one are shown for orientation. */
  atMost?: number;
  /** The same thing done barely, measured in the same run. */
  beside?: { what: string; value: number; unit?: Figure["unit"] };
  /** What the stock amphora needs on this kind of machine. */
  stock?: string;
}

export interface BenchResult {
  name: string;
  figures: Figure[];
  /** Anything a reader needs to judge the figures: sample counts, sizes. */
  notes: string[];
}

export function misses({ figures }: BenchResult): Figure[] {
  return figures.filter((each) => each.atMost !== undefined && !(each.value <= each.atMost));
}

export function table(result: BenchResult): string {
  const rows = result.figures.map((each) => [
    each.name,
    show(each.value, each.unit),
    each.beside ? `${show(each.beside.value, each.beside.unit ?? each.unit)} ${each.beside.what}` : "",
    each.stock ?? "",
    each.atMost === undefined ? "" : `<= ${show(each.atMost, each.unit)}`,
    each.atMost === undefined ? "" : each.value <= each.atMost ? "pass" : "MISS",
  ]);
  const header = ["figure", "measured", "beside, same run", "stock", "must hold", ""];
  const widths = header.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join("  ")
      .trimEnd();
  return [
    `\n${result.name}`,
    line(header),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    ...result.notes.map((note) => `  ${note}`),
  ].join("\n");
}

/** One file per run, so that runs can be compared later. */
export async function writeResults(results: BenchResult[], startedAt: Date): Promise<string> {
  const folder = resolve(import.meta.dirname, "../../bench-results");
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${startedAt.toISOString().replaceAll(/[:.]/g, "-")}.json`);
  const machine = {
    kernel: release(),
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    node: process.version,
  };
  await writeFile(path, `${JSON.stringify({ startedAt, machine, results }, undefined, 2)}\n`);
  return path;
}

function show(value: number, unit: Figure["unit"]): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}
