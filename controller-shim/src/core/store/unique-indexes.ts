import type { TableName } from "./rows.ts";

/** What may exist once only. The database enforces it; the API looks first, so that its text is a better one. */
export const uniqueIndexes = [
  { name: "listener_port", table: "listener", columns: ["load_balancer_id", "protocol_family", "protocol_port"] },
  { name: "member_address", table: "member", columns: ["pool_id", "address", "protocol_port"] },
  { name: "health_monitor_pool", table: "health_monitor", columns: ["pool_id"] },
  { name: "address_in_subnet", table: "address", columns: ["subnet_id", "address"] },
] as const satisfies readonly UniqueIndex[];

interface UniqueIndex {
  name: string;
  table: TableName;
  /** Columns of the row, or `protocol_family`, which is derived from its protocol. */
  columns: readonly string[];
}

/** Ports are taken per layer-4 protocol: a UDP and a TCP listener may share a number. */
export function protocolFamily(protocol: string): "TCP" | "UDP" | "SCTP" {
  return protocol === "UDP" || protocol === "SCTP" ? protocol : "TCP";
}
