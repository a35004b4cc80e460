import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import { heartbeatKey, openHeartbeat } from "./open-heartbeat.ts";

const key = heartbeatKey("insecure-test-key");

function seal(payload: Buffer, secret = "insecure-test-key"): Buffer {
  return Buffer.concat([payload, Buffer.from(createHmac("sha256", secret).update(payload).digest("hex"))]);
}

function sealText(text: string): Buffer {
  return seal(deflateSync(text));
}

const good = { id: "a", seq: 0, listeners: {}, pools: {}, ver: 3 };

test.for([
  { name: "an empty datagram", datagram: Buffer.alloc(0), why: "short" },
  { name: "a signature without a payload", datagram: seal(Buffer.alloc(0)), why: "short" },
  { name: "more than a datagram can hold", datagram: Buffer.alloc(65_508), why: "oversized" },
  { name: "a foreign key", datagram: seal(deflateSync(JSON.stringify(good)), "another key"), why: "forged" },
  { name: "a signature in capitals", datagram: upperCaseTail(sealText(JSON.stringify(good))), why: "forged" },
  { name: "a payload that is not zlib", datagram: seal(Buffer.from("{}")), why: "undecodable" },
  { name: "half a payload", datagram: seal(deflateSync(JSON.stringify(good)).subarray(0, 20)), why: "undecodable" },
  { name: "a bomb of 64 MiB", datagram: seal(deflateSync(Buffer.alloc(64 * 2 ** 20))), why: "undecodable" },
  { name: "text that is not JSON", datagram: sealText("{"), why: "malformed" },
  { name: "JSON of another kind", datagram: sealText("[]"), why: "malformed" },
  { name: "another version", datagram: sealText(JSON.stringify({ ...good, ver: 2 })), why: "malformed" },
  {
    name: "counters as text",
    datagram: sealText(JSON.stringify({ ...good, listeners: { l: { status: "OPEN", stats: { tx: "1" } } } })),
    why: "malformed",
  },
  { name: "a missing key", datagram: sealText(JSON.stringify({ id: "a", seq: 0, ver: 3 })), why: "malformed" },
])("$name is refused", ({ datagram, why }) => {
  expect(openHeartbeat(datagram, key)).toEqual({ ok: false, why });
});

test("what was sealed comes back", () => {
  expect(openHeartbeat(sealText(JSON.stringify(good)), key)).toEqual({ ok: true, message: good });
});

test("one flipped bit anywhere is a forgery", () => {
  const sealed = sealText(JSON.stringify(good));
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(openHeartbeat(flipped, key)).toEqual({ ok: false, why: "forged" });
  }
});

test("any bytes are refused and none make it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(openHeartbeat(Buffer.from(bytes), key).ok).toBe(false);
      expect(openHeartbeat(seal(Buffer.from(bytes)), key).ok).toBe(false);
    }),
  );
});

testWithFixtures("envelopes of a stock amphora open; with the raw digest of very old ones they do not", async () => {
  const file = await readFile(join(sharedFixtures, "heartbeat/vectors.json"), "utf8");
  const vectors = JSON.parse(file) as { name: string; key: string; message: unknown; envelope_hex: string }[];
  expect(vectors.length).toBeGreaterThan(1);
  for (const vector of vectors) {
    const opened = openHeartbeat(Buffer.from(vector.envelope_hex, "hex"), heartbeatKey(vector.key));
    if (vector.name.includes("raw-digest")) expect(opened).toEqual({ ok: false, why: "forged" });
    else expect(opened).toEqual({ ok: true, message: vector.message });
  }
});

function upperCaseTail(datagram: Buffer): Buffer {
  return Buffer.concat([
    datagram.subarray(0, -64),
    Buffer.from(datagram.subarray(-64).toString("latin1").toUpperCase()),
  ]);
}
