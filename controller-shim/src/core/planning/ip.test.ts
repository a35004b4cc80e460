import { isIP, SocketAddress } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { contains, formatIp, parseCidr, parseIp } from "./ip.ts";

test.for([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "256.1.1.1",
  "01.2.3.4",
  "1.2.3.4 ",
  "1.2.3.-4",
  "0x1.2.3.4",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::8:9",
  "12345::",
  "::1.2.3",
  "1.2.3.4::",
  "fe80::1%eth0",
  "g::",
])("%j is no address", (text) => expect(parseIp(text)).toBeUndefined());

test.for([
  "",
  "/",
  "10.0.0.0/",
  "10.0.0.0/33",
  "10.0.0.1/24",
  "10.0.0.0/08",
  "10.0.0.0/8/8",
  "::/129",
  "2001:db8::1/64",
])("%j is no block", (text) => expect(parseCidr(text)).toBeUndefined());

test("addresses are read as node reads them, and written the canonical way", () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  const v6 = fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((g) => g.toString(16)).join(":"));
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), v6), (text) => {
      const ip = parseIp(text);
      expect(ip?.version).toBe(isIP(text));
      if (!ip) return;
      const written = formatIp(ip);
      expect(parseIp(written)).toEqual(ip);
      const canonical = new SocketAddress({ address: text, family: ip.version === 4 ? "ipv4" : "ipv6" }).address;
      expect(parseIp(canonical)).toEqual(ip);
    }),
  );
});

test("what node refuses is refused", () => {
  const character = fc.constantFrom(..."0123456789abcdef:./ ".split(""));
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
      expect(parseIp(text) !== undefined).toBe(isIP(text) !== 0);
    }),
    { numRuns: 2_000 },
  );
});

test.for([
  { cidr: "198.51.100.0/24", inside: "198.51.100.255", outside: "198.51.101.0" },
  { cidr: "0.0.0.0/0", inside: "255.255.255.255", outside: "::1" },
  { cidr: "192.0.2.7", inside: "192.0.2.7", outside: "192.0.2.8" },
  { cidr: "2001:db8::/32", inside: "2001:db8:ffff::1", outside: "2001:db9::" },
])("$inside is in $cidr and $outside is not", ({ cidr, inside, outside }) => {
  const block = parseCidr(cidr);
  const [yes, no] = [parseIp(inside), parseIp(outside)];
  if (!block || !yes || !no) throw new Error("the table is wrong");
  expect([contains(block, yes), contains(block, no)]).toEqual([true, false]);
});

test.for([
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["2001:0DB8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
])("%s is written %s", ([text = "", want]) => {
  const ip = parseIp(text);
  expect(ip && formatIp(ip)).toBe(want);
});
