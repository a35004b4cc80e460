import { conflict, invalid } from "./fault.ts";

/** Pool protocols by listener protocol, as Octavia allows them. */
export const poolProtocols: Readonly<Record<string, readonly string[]>> = {
  TCP: ["TCP", "HTTP", "HTTPS", "PROXY", "PROXYV2"],
  HTTP: ["HTTP", "PROXY", "PROXYV2"],
  HTTPS: ["HTTPS", "TCP", "PROXY", "PROXYV2"],
  TERMINATED_HTTPS: ["HTTP", "PROXY", "PROXYV2"],
  UDP: ["UDP"],
  SCTP: ["SCTP"],
  PROMETHEUS: [],
};

const datagram = ["UDP", "SCTP"];
/** What a monitor of a UDP or SCTP pool may be; UDP-CONNECT and SCTP are for nobody else. */
const datagramMonitors = ["UDP-CONNECT", "SCTP", "TCP", "HTTP"];

export function checkPoolFitsListener(pool: { protocol: string }, listener: { protocol: string }): void {
  if (!poolProtocols[listener.protocol]?.includes(pool.protocol)) {
    throw invalid(
      `The pool protocol '${pool.protocol}' is invalid while the listener protocol is '${listener.protocol}'.`,
    );
  }
}

export function checkMonitorFitsPool(monitor: { type: string; delay: number }, pool: { protocol: string }): void {
  const isDatagram = datagram.includes(pool.protocol);
  const fits = isDatagram ? datagramMonitors.includes(monitor.type) : !["UDP-CONNECT", "SCTP"].includes(monitor.type);
  if (!fits) {
    const allowed = isDatagram ? datagramMonitors.join(", ") : "HTTP, HTTPS, PING, TCP, TLS-HELLO";
    throw invalid(
      `The associated pool protocol is ${pool.protocol}, so only a ${allowed} health monitor is supported.`,
    );
  }
  if (monitor.type === "UDP-CONNECT" && monitor.delay < 3) {
    throw invalid("The request delay value should be larger than 3 for UDP-CONNECT health monitor type.");
  }
}

/** Layer 7 needs somebody who reads HTTP. */
export function checkListenerReadsHttp(listener: { protocol: string }): void {
  if (!["HTTP", "TERMINATED_HTTPS"].includes(listener.protocol)) {
    throw invalid(`L7 policies need an HTTP or TERMINATED_HTTPS listener, not ${listener.protocol}.`);
  }
}

export function isDatagramProtocol(protocol: string): boolean {
  return datagram.includes(protocol);
}

export function duplicateListener(protocol: string, port: number) {
  return conflict(
    `Another Listener on this Load Balancer is already using protocol ${protocol} and protocol_port ${port}`,
  );
}

export function duplicateMember(address: string, port: number) {
  return conflict(`Another member on this pool is already using ip ${address} on protocol_port ${port}`);
}
