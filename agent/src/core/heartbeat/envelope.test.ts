import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sharedFixtures, testWithFixtures } from "../../../../test/harness/tools.ts";
import type { HeartbeatMessage } from "../../contract/heartbeat.ts";
import { openDatagram } from "../../testing/open-datagram.ts";
import { Sealer } from "./envelope.ts";

interface Vector {
  name: string;
  key: string;
  message: HeartbeatMessage;
  envelope_hex: string;
}

const key = "insecure-test-key";
const message: HeartbeatMessage = {
  id: "a3000001-0001-4000-8000-000000000001",
  seq: 7,
  listeners: { l1: { status: "OPEN", stats: { tx: 456, rx: 123, conns: 1, totconns: 2, ereq: 0 } } },
  pools: { "p1:l1": { status: "UP", members: { m1: "UP" } } },
  ver: 3,
};
const sealed = new Sealer().seal(message, key);

function vectors(): Vector[] {
  return JSON.parse(readFileSync(join(sharedFixtures, "heartbeat/vectors.json"), "utf8")) as Vector[];
}

test.for([
  { name: "an empty datagram is short", bytes: Buffer.alloc(0), want: "short" },
  { name: "a datagram of a bare tag is short", bytes: Buffer.alloc(32), want: "short" },
  { name: "garbage is a forgery", bytes: Buffer.alloc(500, 7), want: "forged" },
  { name: "a lost last byte is a forgery", bytes: sealed.subarray(0, -1), want: "forged" },
  { name: "a byte too many is a forgery", bytes: Buffer.concat([sealed, Buffer.of(0)]), want: "forged" },
  { name: "an upper-case tag is a forgery", bytes: upperCaseTag(sealed), want: "forged" },
  { name: "well signed garbage is malformed", bytes: signed(Buffer.from("garbage")), want: "malformed" },
] as const)("$name", ({ bytes, want }) => {
  expect(openDatagram(bytes, key)).toEqual({ ok: false, why: want });
});

test("another key is a forgery", () => {
  expect(openDatagram(sealed, "another key")).toEqual({ ok: false, why: "forged" });
});

test("every flipped bit is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: sealed.length * 8 - 1 }), (bit) => {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      return !openDatagram(flipped, key).ok;
    }),
    { numRuns: 1_000 },
  );
});

test("what is sealed opens to the same message, whatever the ids, statuses and key", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), fc.string({ unit: "binary" }), (members, secret) => {
      const sent = { ...message, pools: { "p1:l1": { status: "UP", members } } };
      const opened = openDatagram(new Sealer().seal(sent, secret), secret);
      expect(opened).toEqual({ ok: true, value: JSON.parse(JSON.stringify(sent)) });
    }),
  );
});

test("the tag is HMAC-SHA256 of the compressed bytes in lower-case hex, and a new key is used at once", () => {
  const sealer = new Sealer();
  for (const secret of ["first", "second", "kl\u00fc\u00df"]) {
    const datagram = sealer.seal(message, secret);
    const payload = datagram.subarray(0, -64);
    const tag = createHmac("sha256", Buffer.from(secret, "utf8")).update(payload).digest("hex");
    expect(datagram.subarray(-64).toString("latin1")).toBe(tag);
    expect(JSON.parse(inflateSync(payload).toString("utf8"))).toEqual(message);
  }
});

testWithFixtures("what the original sent opens", () => {
  expect(vectors().length).toBeGreaterThanOrEqual(4);
  for (const vector of vectors()) {
    expect(openDatagram(Buffer.from(vector.envelope_hex, "hex"), vector.key), vector.name).toEqual({
      ok: true,
      value: vector.message,
    });
  }
});

testWithFixtures("our payload of the original's messages inflates to equal JSON", () => {
  for (const vector of vectors()) {
    const payload = new Sealer().seal(vector.message, vector.key).subarray(0, -64);
    expect(JSON.parse(inflateSync(payload).toString("utf8")), vector.name).toEqual(vector.message);
  }
});

function upperCaseTag(datagram: Buffer): Buffer {
  const tag = datagram.subarray(-64).toString("latin1").toUpperCase();
  return Buffer.concat([datagram.subarray(0, -64), Buffer.from(tag, "latin1")]);
}

function signed(payload: Buffer): Buffer {
  const tag = createHmac("sha256", key).update(payload).digest("hex");
  return Buffer.concat([payload, Buffer.from(tag, "latin1")]);
}
