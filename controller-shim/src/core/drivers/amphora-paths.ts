/**
 * Where an amphora of our own drivers finds its things: what a config drive would carry lies in RAM, state that is not
 * secret survives a restart below the base path, and certificates are a file system in RAM inside it.
 */
export const BOOT_DIRECTORY = "/run/octavia";

export const amphoraPaths = {
  agentConfiguration: `${BOOT_DIRECTORY}/amphora-agent.conf`,
  /** `[krater]`: a file no stock call overwrites. */
  kraterConfiguration: `${BOOT_DIRECTORY}/krater.conf`,
  serverCertificate: `${BOOT_DIRECTORY}/server.pem`,
  clientCa: `${BOOT_DIRECTORY}/client_ca.pem`,
  basePath: "/var/lib/octavia",
  certificates: "/var/lib/octavia/certs",
  interfaces: "/var/lib/octavia/interfaces",
  /** `[krater] run_directory`: sockets and what must not survive a reboot. */
  runDirectory: "/run/krater",
} as const;
