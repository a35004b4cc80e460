export * from "./agent-configuration.ts";
export * from "./fake-clock.ts";
export * from "./fake-files.ts";
export * from "./fake-log.ts";
export * from "./fake-service-manager.ts";
export * from "./files-suite.ts";
export * from "./open-datagram.ts";
export * from "./service-manager-suite.ts";
