import { expect, test } from "vitest";
import {
  cpuCount,
  cpuFigures,
  loadFigures,
  memoryFigures,
  networkFigures,
  versionIn,
  withoutEpoch,
} from "./proc-figures.ts";

const stat = "cpu  10 1 20 300 4 0 7 2 0 0\ncpu0 5 1 10 150 2 0 4 1 0 0\ncpu1 5 0 10 150 2 0 3 1 0 0\nintr 1\n";

test("an empty /proc/stat is a machine of one processor that did nothing", () => {
  expect(cpuFigures("")).toEqual({ total: 0, user: "0", system: "0", soft_irq: "0" });
  expect(cpuCount("")).toBe(1);
});

test("processor figures are text, their sum a number", () => {
  expect(cpuFigures(stat)).toEqual({ total: 344, user: "10", system: "20", soft_irq: "7" });
  expect(cpuCount(stat)).toBe(2);
});

test("memory is in kilobytes and Cached is not SwapCached", () => {
  const meminfo =
    "MemTotal:  2000 kB\nMemFree:  900 kB\nBuffers:  10 kB\nCached:  300 kB\nSwapCached:  5 kB\nShmem: 7 kB\nSlab: 9 kB\n";
  expect(memoryFigures(meminfo)).toEqual({
    total: 2000,
    free: 900,
    buffers: 10,
    cached: 300,
    swap_used: 5,
    shared: 7,
    slab: 9,
  });
  expect(memoryFigures("").total).toBe(0);
});

test("loads keep their text", () =>
  expect(loadFigures("0.10 1.00 2.30 1/200 4000\n")).toEqual(["0.10", "1.00", "2.30"]));

test("only interfaces named eth are networks", () => {
  const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth1: 1234567      10    0    0    0     0          0         0      890       9    0    0    0     0       0          0
 eth10:9 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
`;
  expect(networkFigures(netDev)).toEqual({
    eth1: { network_tx: 890, network_rx: 1234567 },
    eth10: { network_tx: 8, network_rx: 9 },
  });
});

test.for([
  { words: "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", want: "2.6.12-1+deb12u4" },
  { words: "HA-Proxy version 1.8.4-1deb90d 2018/02/08", want: "1.8.4-1deb90d" },
  { words: "Keepalived v2.2.7 (01/16,2022)", want: "2.2.7" },
  { words: "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)", want: "1.31" },
  { words: "command not found", want: undefined },
])("$words is version $want", ({ words, want }) => expect(versionIn(words)).toBe(want));

test("an epoch goes, the rest stays", () => {
  expect(withoutEpoch("1:2.2.7-1+b2")).toBe("2.2.7-1+b2");
  expect(withoutEpoch("2.6.12-1+deb12u4")).toBe("2.6.12-1+deb12u4");
});
