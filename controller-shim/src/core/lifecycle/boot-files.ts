import { amphoraPaths as paths } from "../drivers/amphora-paths.ts";
import type { BootFile } from "../drivers/compute-driver.ts";
import { AGENT_PORT } from "./lifecycle.ts";

export interface BootSettings {
  amphoraId: string;
  managementAddress: string;
  heartbeatReceiver: string;
  heartbeatIntervalS: number;
  heartbeatKey: string;
  certificatePem: string;
  clientCaPem: string;
}

/** What a config drive carries: Octavia's file as a stock controller writes it, and ours, which no stock call touches. */
export function bootFiles(settings: BootSettings): BootFile[] {
  return [
    { path: paths.agentConfiguration, mode: 0o600, content: agentConfiguration(settings) },
    { path: paths.kraterConfiguration, mode: 0o644, content: kraterConfiguration() },
    { path: paths.serverCertificate, mode: 0o600, content: settings.certificatePem },
    { path: paths.clientCa, mode: 0o644, content: settings.clientCaPem },
  ];
}

function agentConfiguration(settings: BootSettings): string {
  return `[DEFAULT]
debug = False
use_syslog = True
syslog_log_facility = LOG_LOCAL1

[haproxy_amphora]
base_cert_dir = ${paths.certificates}
base_path = ${paths.basePath}
bind_host = ${settings.managementAddress}
bind_port = ${AGENT_PORT}
haproxy_cmd = /usr/sbin/haproxy
user_log_facility = 0
administrative_log_facility = 1

[health_manager]
controller_ip_port_list = ${settings.heartbeatReceiver}
heartbeat_interval = ${settings.heartbeatIntervalS}
heartbeat_key = ${settings.heartbeatKey}

[amphora_agent]
agent_server_ca = ${paths.clientCa}
agent_server_cert = ${paths.serverCertificate}
agent_server_network_dir = ${paths.interfaces}
agent_request_read_timeout = 180
amphora_id = ${settings.amphoraId}
amphora_udp_driver = keepalived_lvs
agent_tls_protocol = TLSv1.2

[controller_worker]
loadbalancer_topology = SINGLE
`;
}

/** The amphora is one network namespace, the agent's own: haproxy needs no other. */
function kraterConfiguration(): string {
  return `[krater]
supervisor = spawn
network_namespace =
run_directory = ${paths.runDirectory}
`;
}
