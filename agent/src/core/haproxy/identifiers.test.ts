import { expect, test } from "vitest";
import { isIdentifier, peerName, requireCertificateName } from "./identifiers.ts";

test.for([
  { amphora: "a3000001-0001-4000-8000-000000000001", name: "7Yb-NbO_dpTChN3jo9DbGxtRr2g" },
  { amphora: "amp_123", name: "WCbTKE70m_IHc_MucbXK5CkEoWQ" },
  { amphora: "000000d2-0000-4000-8000-000000000000", name: "xJbGP6OlYj6ZmR22iho_Q3I4YZo" },
])("the peer name of $amphora", ({ amphora, name }) => expect(peerName(amphora)).toBe(name));

test.for([
  { id: "", good: false },
  { id: ".", good: false },
  { id: "..", good: false },
  { id: "a/../b", good: false },
  { id: "a\0", good: false },
  { id: "a".repeat(129), good: false },
  { id: "-rf", good: false },
  { id: "a b", good: false },
  { id: "certs", good: false },
  { id: "lvs", good: false },
  { id: "vrrp", good: false },
  { id: "1b000001-0001-4000-8000-000000000001", good: true },
  { id: "lb_1", good: true },
])("<$id> as an id: $good", ({ id, good }) => expect(isIdentifier(id)).toBe(good));

test.for([
  { name: "", good: false },
  { name: "x.txt", good: false },
  { name: "pem", good: false },
  { name: ".pem", good: false },
  { name: "../x.pem", good: false },
  { name: "a\nb.pem", good: false },
  { name: `${"a".repeat(253)}.pem`, good: false },
  { name: "a.pem", good: true },
  { name: "da39a3ee5e6b4b0d3255bfef95601890afd80709.pem", good: true },
  { name: `${"a".repeat(196)}.pem`, good: true },
  { name: `${"a".repeat(197)}.pem`, good: false },
  { name: `${"ü".repeat(99)}.pem`, good: false },
  { name: "11000001-0001-4000-8000-000000000001.pem", good: true },
])("<$name> as a certificate name: $good", ({ name, good }) => {
  const attempt = (): void => requireCertificateName(name);
  if (good) attempt();
  else expect(attempt).toThrow("Filename has wrong format");
});
