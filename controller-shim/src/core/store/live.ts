import type { ProvisioningStatus } from "./rows.ts";

/** A deleted row stays, as PENDING_DELETE, until the amphorae no longer serve it: whoever renders or plans skips it. */
export function isLive(row: { provisioning_status: ProvisioningStatus }): boolean {
  return row.provisioning_status !== "PENDING_DELETE";
}
