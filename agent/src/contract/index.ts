export * from "./heartbeat.ts";
export * from "./problem.ts";
export * from "./roles.ts";
