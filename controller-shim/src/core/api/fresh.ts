import { randomUUID } from "node:crypto";
import type { LoadBalancerRow, ProvisioningStatus } from "../store/rows.ts";
import type { Change } from "./change.ts";

/** The columns every new child starts with; its project is that of its load balancer. */
export function freshColumns(
  change: Change,
  loadBalancer: Pick<LoadBalancerRow, "project_id">,
  body: { name?: string; admin_state_up: boolean; tags: string[] },
) {
  return {
    id: randomUUID() as string,
    project_id: loadBalancer.project_id,
    name: body.name ?? "",
    admin_state_up: body.admin_state_up,
    provisioning_status: "PENDING_CREATE" as ProvisioningStatus,
    operating_status: "OFFLINE" as const,
    tags: body.tags,
    created_at: change.now,
    updated_at: null,
  };
}

/** Shows on a relative that a write is on its way to it; what is about to go keeps saying so. */
export async function touch(change: Change, table: "listener" | "pool" | "l7policy", id: string): Promise<void> {
  await change.tables.update(table, id, { provisioning_status: "PENDING_UPDATE" }, { provisioning_status: "ACTIVE" });
}

/** The pool, and the listeners whose traffic it takes. */
export async function touchPool(change: Change, poolId: string): Promise<void> {
  await touch(change, "pool", poolId);
  for (const listener of await change.tables.list("listener", { default_pool_id: poolId })) {
    await touch(change, "listener", listener.id);
  }
  for (const policy of await change.tables.list("l7policy", { redirect_pool_id: poolId })) {
    await touch(change, "listener", policy.listener_id);
  }
}

/** For the event log: `listener "web"`, or its id when nobody named it. */
export function called(title: string, row: { id: string; name: string }): string {
  return row.name === "" ? `${title} ${row.id}` : `${title} "${row.name}"`;
}
