import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { extract } from "tar-stream";
import { expect, test } from "vitest";
import { BOOT_MARK, packBootFiles } from "./boot-archive.ts";

test.for([
  "/etc/passwd",
  "/var/lib/octavia/key.pem",
  "run/octavia/x",
  "/run/octavia/../x",
  "/run/octavia//x",
  "/run/octavia",
])("%s is not in the amphora's memory, so no secret may go there", async (path) => {
  await expect(packBootFiles([{ path, mode: 0o600, content: "" }])).rejects.toThrow("not below /run/octavia");
});

test("files arrive as they are, and a mark after them", async () => {
  const archive = await packBootFiles([
    { path: "/run/octavia/server.pem", mode: 0o600, content: "päm\n" },
    { path: "/run/octavia/empty.conf", mode: 0o644, content: "" },
  ]);
  const entries: unknown[] = [];
  for await (const entry of Readable.from([archive]).pipe(extract())) {
    entries.push([entry.header.name, entry.header.mode, await text(entry)]);
  }
  expect(entries).toEqual([
    ["run/octavia/server.pem", 0o600, "päm\n"],
    ["run/octavia/empty.conf", 0o644, ""],
    [BOOT_MARK.slice(1), 0o600, ""],
  ]);
});
