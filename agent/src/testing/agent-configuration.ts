import type { AgentConfiguration } from "../core/configuration/agent-configuration.ts";

/** A complete configuration; tests change what they are about. */
export function exampleConfiguration(
  changes: { healthManager?: Partial<AgentConfiguration["healthManager"]> } = {},
): AgentConfiguration {
  return {
    debug: false,
    haproxyAmphora: {
      baseCertDir: "/var/lib/octavia/certs",
      basePath: "/var/lib/octavia",
      bindHost: "127.0.0.1",
      bindPort: 9443,
      haproxyCmd: "/usr/sbin/haproxy",
      userLogFacility: 0,
      administrativeLogFacility: 1,
    },
    healthManager: {
      controllers: [{ host: "127.0.0.1", port: 5555 }],
      heartbeatIntervalMs: 10_000,
      heartbeatKey: "insecure-test-key",
      ...changes.healthManager,
    },
    amphoraAgent: {
      agentServerCa: "/etc/octavia/certs/client_ca.pem",
      agentServerCert: "/etc/octavia/certs/server.pem",
      agentServerNetworkDir: "/etc/network/interfaces.d/",
      agentRequestReadTimeoutMs: 180_000,
      amphoraId: "a3000001-0001-4000-8000-000000000001",
      agentTlsProtocol: "TLSv1.2",
    },
    controllerWorker: { loadbalancerTopology: "SINGLE" },
    krater: {
      supervisor: "spawn",
      networkNamespace: "",
      maxconnOverLimit: "cap",
      runDirectory: "/run/krater",
      logLevel: "info",
    },
  };
}
