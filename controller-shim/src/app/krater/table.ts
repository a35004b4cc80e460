import { harmless } from "./paint.ts";

/** Columns as wide as their widest cell, two spaces between; no frame, so that `awk` and people both read it. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map((cell) => harmless(cell) || "-"));
  const widths = headings.map((heading, n) => Math.max(heading.length, ...clean.map((row) => row[n]?.length ?? 0)));
  return [headings, ...clean].map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
