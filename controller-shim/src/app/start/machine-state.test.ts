import { expect, test } from "vitest";
import { compareMachineStates, type MachineState } from "./machine-state.ts";

const empty: MachineState = {
  "network namespace": [],
  link: [],
  process: [],
  cgroup: [],
  mount: [],
  file: [],
  "nftables table": [],
  setting: ["net/ipv4/ip_forward = 0"],
};

test.for([
  { name: "equal states", before: empty, after: empty, want: [] },
  {
    name: "something new",
    before: empty,
    after: { ...empty, link: ["demo-vip"], setting: ["net/ipv4/ip_forward = 1"] },
    want: ["link: demo-vip", "setting: net/ipv4/ip_forward = 1"],
  },
  { name: "something that was there before", before: { ...empty, file: ["/run/x"] }, after: empty, want: [] },
])("$name: what is left is $want", ({ before, after, want }) => {
  expect(compareMachineStates(before, after)).toEqual(want);
});
