import { systemClock } from "../../agent/src/adapters/clock/system-clock.ts";
import { DiskFiles } from "../../agent/src/adapters/disk/disk-files.ts";
import { UnixHaproxySockets } from "../../agent/src/adapters/haproxy/unix-sockets.ts";
import { KeepalivedVrrpProcess } from "../../agent/src/adapters/keepalived/vrrp-process.ts";
import { UdpDatagrams } from "../../agent/src/adapters/udp/udp-datagrams.ts";
import type { Clock } from "../../agent/src/core/clock.ts";
import { CounterFile } from "../../agent/src/core/heartbeat/counter-file.ts";
import { startHeartbeats } from "../../agent/src/core/heartbeat/loop.ts";
import { exampleConfiguration } from "../../agent/src/testing/agent-configuration.ts";
import { FakeLog } from "../../agent/src/testing/fake-log.ts";

/**
 * A process that does nothing but beat, with everything real: haproxy's socket, the counter file, compression, the
 * datagram. `loop N`: as fast as it goes. `paced N`: one a second. Prints CPU of this thread per beat, in ms.
 */
const [basePath = "", loadBalancerId = "", port = "", mode = "", beats = ""] = process.argv.slice(2);
const wanted = Number(beats);
const interval = 1_000;

const log = new FakeLog();
const stop = new AbortController();
const configuration = exampleConfiguration({
  healthManager: { controllers: [{ host: "127.0.0.1", port: Number(port) }], heartbeatIntervalMs: interval },
});
// In the tight loop a second passes at once: the loop itself is what the agent runs, unchanged.
let skippedMs = 0;
const hurriedClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now() + skippedMs,
  sleep: async (ms, signal) => {
    if (ms > interval) return systemClock.sleep(ms, signal); // a deadline, not a pause
    skippedMs += ms;
  },
};

const datagrams = new UdpDatagrams();
let done = 0;
const heartbeats = startHeartbeats(
  {
    clock: mode === "loop" ? hurriedClock : systemClock,
    log,
    configuration: { current: () => configuration },
    events: { publish: () => undefined },
    observe: async () => [
      {
        loadBalancerId,
        statisticsSocket: `${basePath}/${loadBalancerId}.sock`,
        haproxy: { state: "running", masterPid: process.pid, sinceMs: 0 },
        restarts: 0,
      },
    ],
    sockets: new UnixHaproxySockets(),
    counterStore: new CounterFile(new DiskFiles(), () => basePath),
    vrrp: new KeepalivedVrrpProcess(() => basePath),
    datagrams: {
      send: async (datagram, to) => {
        await datagrams.send(datagram, to);
        if (++done === wanted) stop.abort();
      },
    },
  },
  stop.signal,
);
const before = process.threadCpuUsage();
await heartbeats.stopped;
const used = process.threadCpuUsage(before);
const { sent, failed, withheld, bytes } = heartbeats.counts();
if (sent !== wanted || failed + withheld > 0 || log.lines.length > 0) {
  throw new Error(`sent ${sent} of ${wanted}: ${JSON.stringify(log.lines.slice(0, 3))}`);
}
datagrams.close();
console.log(JSON.stringify({ cpuMs: (used.user + used.system) / 1000 / wanted, datagramBytes: bytes / sent }));
