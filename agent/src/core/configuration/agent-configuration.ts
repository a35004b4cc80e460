/** What `amphora-agent.conf` and our own `[krater]` file say, parsed once, with defaults filled in. */
export interface AgentConfiguration {
  debug: boolean;
  haproxyAmphora: {
    baseCertDir: string;
    basePath: string;
    bindHost: string;
    bindPort: number;
    haproxyCmd: string;
    userLogFacility: number;
    administrativeLogFacility: number;
  };
  healthManager: {
    /** In order; a beat goes to one of them, the next in turn. */
    controllers: readonly ControllerAddress[];
    heartbeatIntervalMs: number;
    /** Never logged, never in an error. Undefined: no key configured, so no heartbeats. */
    heartbeatKey: string | undefined;
  };
  amphoraAgent: {
    agentServerCa: string;
    agentServerCert: string;
    agentServerNetworkDir: string;
    agentRequestReadTimeoutMs: number;
    amphoraId: string;
    agentTlsProtocol: "TLSv1.2" | "TLSv1.3";
  };
  controllerWorker: { loadbalancerTopology: "SINGLE" | "ACTIVE_STANDBY" };
  krater: KraterConfiguration;
}

/** `[krater]`: only read from files a stock `PUT /1.0/config` never overwrites (later `--config-file`s). */
export interface KraterConfiguration {
  supervisor: "systemd" | "spawn";
  /** Network namespace haproxy runs in; empty: the agent's own. */
  networkNamespace: string;
  /** `cap`: lower `maxconn` to what the limit of open files allows and say so; `refuse`: 400. */
  maxconnOverLimit: "cap" | "refuse";
  /** Folder for sockets and state that must not survive a reboot. */
  runDirectory: string;
  logLevel: "debug" | "info" | "warn" | "error";
}

export interface ControllerAddress {
  host: string;
  port: number;
}

/** The configuration now; `PUT /1.0/config` and SIGHUP replace its mutable part. */
export interface LiveConfiguration {
  current(): AgentConfiguration;
}
