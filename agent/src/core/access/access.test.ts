import fc from "fast-check";
import { expect, test } from "vitest";
import { mayUse, type RouteGroup } from "./permissions.ts";
import { type Caller, callerOf } from "./roles.ts";

test.for([
  { name: "no SAN extension is a certificate as Octavia has it", san: undefined, want: "no-role" },
  { name: "other names give no role", san: "DNS:octavia, URI:https://example/, IP Address:192.0.2.1", want: "no-role" },
  { name: "a role is a role", san: "DNS:shim, URI:urn:krater:role:controller", want: "controller" },
  { name: "a role we do not have is unknown", san: "URI:urn:krater:role:admin", want: "unknown" },
  { name: "a role in capitals is unknown", san: "URI:URN:KRATER:ROLE:reader2", want: "unknown" },
  { name: "an empty role is unknown", san: "URI:urn:krater:role:", want: "unknown" },
  { name: "two roles are unknown", san: "URI:urn:krater:role:reader, URI:urn:krater:role:operator", want: "unknown" },
  { name: "a role in a DNS name is none", san: "DNS:urn:krater:role:operator", want: "no-role" },
  {
    name: "a quoted name cannot pose as another entry",
    san: 'DNS:"a, URI:urn:krater:role:operator", DNS:b',
    want: "no-role",
  },
  { name: "a quoted role with an addition is unknown", san: 'URI:"urn:krater:role:reader, x"', want: "unknown" },
  { name: "text in no known form is unknown", san: 'DNS:"a, URI:urn:krater:role:operator', want: "unknown" },
])("$name", ({ san, want }) => {
  expect(callerOf(san)).toBe(want);
});

test("no DNS name, whatever is in it, gives a role", () => {
  // Node's own printing: JSON as soon as a value could be misread.
  const printed = (value: string) => (/[",\\\p{C}]|^\s|\s$/u.test(value) ? JSON.stringify(value) : value);
  const tricky = fc
    .array(fc.oneof(fc.string(), fc.constantFrom(", ", "URI:", "urn:krater:role:operator", '"', "\\")))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(tricky, (value) => {
      expect(["no-role", "unknown"]).toContain(callerOf(`DNS:${printed(value)}`));
    }),
  );
});

const groups: RouteGroup[] = ["discovery", "octavia", "observe"];
test.for<{ caller: Caller; may: RouteGroup[] }>([
  { caller: "unknown", may: [] },
  { caller: "no-role", may: ["discovery", "octavia"] },
  { caller: "controller", may: ["discovery", "octavia", "observe"] },
  { caller: "operator", may: ["discovery", "observe"] },
  { caller: "reader", may: ["discovery", "observe"] },
  { caller: "break-glass", may: ["discovery"] },
])("$caller may use $may and nothing else", ({ caller, may }) => {
  expect(groups.filter((group) => mayUse(caller, group))).toEqual(may);
});
