import { systemClock } from "../../agent/src/adapters/clock/system-clock.ts";
import { CounterFile } from "../../agent/src/adapters/counters/counter-file.ts";
import { UnixHaproxySockets } from "../../agent/src/adapters/haproxy/unix-sockets.ts";
import { KeepalivedVrrpProcess } from "../../agent/src/adapters/keepalived/vrrp-process.ts";
import { UdpDatagrams } from "../../agent/src/adapters/udp/udp-datagrams.ts";
import type { Clock } from "../../agent/src/core/clock.ts";
import type { HaproxySockets } from "../../agent/src/core/haproxy/haproxy-sockets.ts";
import { startHeartbeats } from "../../agent/src/core/heartbeat/loop.ts";
import { exampleConfiguration } from "../../agent/src/testing/agent-configuration.ts";
import { FakeLog } from "../../agent/src/testing/fake-log.ts";

/**
 * A process that does nothing but beat, with everything real: haproxy's socket, the counter file, compression, the
 * datagram. `loop`: as fast as it goes, `paced`: one a second; `idle`: counters stand still, as haproxy reports them,
 * `busy`: they move, so that each beat also writes its counter file. Prints CPU of this thread per beat, in ms, after
 * the first one, which loads what is loaded once.
 */
const [basePath = "", loadBalancerId = "", port = "", mode = "", traffic = "", beats = ""] = process.argv.slice(2);
const wanted = Number(beats);
const interval = 1_000;

const log = new FakeLog();
const stop = new AbortController();
const configuration = exampleConfiguration({
  healthManager: { controllers: [{ host: "127.0.0.1", port: Number(port) }], heartbeatIntervalMs: interval },
});
// In the tight loop the interval passes as soon as a beat is done: the loop itself is what the agent runs, unchanged.
let skippedMs = 0;
let wakeUp = (): void => undefined;
const hurriedClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now() + skippedMs,
  sleep: () =>
    new Promise((resolve) => {
      wakeUp = resolve;
    }),
};

const haproxy = new UnixHaproxySockets();
const busyHaproxy: HaproxySockets = {
  query: async (path, command, options) =>
    (await haproxy.query(path, command, options)).replace(/(,FRONTEND,,,\d+,\d+,\d+,)\d+/, `$1${sent}`),
};

const datagrams = new UdpDatagrams();
let sent = 0;
let afterFirst = process.threadCpuUsage();
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
    sockets: traffic === "busy" ? busyHaproxy : haproxy,
    counterStore: new CounterFile(basePath),
    vrrp: new KeepalivedVrrpProcess(basePath),
    datagrams: {
      send: async (datagram, to) => {
        await datagrams.send(datagram, to);
        if (++sent === 1) afterFirst = process.threadCpuUsage();
        if (sent === wanted + 1) stop.abort();
        skippedMs += interval;
        setImmediate(wakeUp);
      },
    },
  },
  stop.signal,
);
stop.signal.addEventListener("abort", () => wakeUp());
await heartbeats.stopped;
const used = process.threadCpuUsage(afterFirst);
const counts = heartbeats.counts();
if (counts.sent !== wanted + 1 || counts.failed + counts.withheld > 0 || log.lines.length > 0) {
  throw new Error(`${JSON.stringify(counts)} of ${wanted}: ${JSON.stringify(log.lines.slice(0, 3))}`);
}
datagrams.close();
console.log(
  JSON.stringify({ cpuMs: (used.user + used.system) / 1000 / wanted, datagramBytes: counts.bytes / counts.sent }),
);
