export * from "./heartbeat.ts";
export * from "./krater.ts";
export * from "./problem.ts";
export * from "./rest.ts";
export * from "./roles.ts";
