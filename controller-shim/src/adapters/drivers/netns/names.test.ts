import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bridgeName,
  hostLinkName,
  INSTANCE,
  isAmphoraId,
  isLegName,
  macAddress,
  namespaceName,
  shortIdOf,
  shortIdOfHostLink,
  shortIdOfNamespace,
} from "./names.ts";

const instance = fc.stringMatching(/^[a-z0-9]{1,6}$/);
const legName = fc.nat(35).map((n) => `eth${n}`);

test.for([
  "",
  "../../etc",
  "0123abcd",
  "0123ABCD-1111-2222-3333-444455556666",
  "0123abcd-1111-2222-3333-444455556666/..",
])('"%s" is not an amphora id', (text) => expect(isAmphoraId(text)).toBe(false));

test.for(["", "lo", "eth", "eth36", "eth01", "eth1 master x", "eth1\n"])("%j is not a leg", (text) => {
  expect(isLegName(text)).toBe(false);
});

test.for(["", "Krater", "kraters", "a-b", "a/b"])('"%s" is not an instance', (text) => {
  expect(INSTANCE.test(text)).toBe(false);
});

test("every name fits the kernel's 15 characters and leads back to its amphora", () => {
  fc.assert(
    fc.property(instance, fc.uuid(), legName, (name, amphoraId, leg) => {
      const shortId = shortIdOf(amphoraId);
      expect(isLegName(leg)).toBe(true);
      const link = hostLinkName(name, shortId, leg);
      expect(link.length).toBeLessThanOrEqual(15);
      expect(bridgeName(name, "management").length).toBeLessThanOrEqual(15);
      expect(shortIdOfHostLink(name, link)).toBe(shortId);
      expect(shortIdOfNamespace(name, namespaceName(name, shortId))).toBe(shortId);
    }),
  );
});

test("no name of one instance is taken for another's", () => {
  fc.assert(
    fc.property(instance, instance, fc.uuid(), legName, (one, other, amphoraId, leg) => {
      fc.pre(one !== other);
      const shortId = shortIdOf(amphoraId);
      expect(shortIdOfHostLink(other, hostLinkName(one, shortId, leg))).toBeUndefined();
      expect(shortIdOfNamespace(other, namespaceName(one, shortId))).toBeUndefined();
      for (const role of ["management", "vip", "member"] as const) {
        expect(shortIdOfHostLink(other, bridgeName(one, role))).toBeUndefined();
      }
    }),
  );
});

test("a MAC address is one card's, given out locally, and the same every time", () => {
  expect(macAddress("krater-vip")).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(macAddress("krater-vip")).toBe(macAddress("krater-vip"));
  expect(macAddress("krater-vip")).not.toBe(macAddress("krater-mem"));
});
