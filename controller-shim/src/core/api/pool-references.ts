import type { LoadBalancerRow, PoolRow } from "../store/rows.ts";
import type { Change } from "./change.ts";
import { ApiFault, invalid, missingField } from "./fault.ts";
import { insertPool } from "./pools.ts";
import type { ListenerBody } from "./resources/listener.ts";
import { type PoolReference, poolFields } from "./resources/pool.ts";

/** Pools that one body describes, by name: a pool with only a name refers to one of them. */
export type NamedPools = ReadonlyMap<string, PoolRow>;

/** Every pool that stands below these listeners. */
export function poolsBelow(listeners: readonly Pick<ListenerBody, "default_pool" | "l7policies">[]): PoolReference[] {
  return listeners
    .flatMap((listener) => [listener.default_pool, ...listener.l7policies.map((policy) => policy.redirect_pool)])
    .filter((pool) => pool !== null);
}

/** Creates the pools that are more than a name; a name must tell them apart. */
export async function insertPools(
  change: Change,
  loadBalancer: Pick<LoadBalancerRow, "id" | "project_id">,
  bodies: readonly PoolReference[],
): Promise<NamedPools> {
  const named = new Map<string, PoolRow>();
  for (const body of bodies) {
    if (body.name === "") throw invalid("Pools must be named when creating a fully populated loadbalancer.");
    if (isReference(body)) continue;
    const { protocol, lb_algorithm } = body;
    if (protocol === null) throw missingField("protocol", poolFields.protocol.text);
    if (lb_algorithm === null) throw missingField("lb_algorithm", poolFields.lb_algorithm.text);
    if (named.has(body.name)) {
      throw invalid("Pool names must be unique when creating a fully populated loadbalancer.");
    }
    named.set(body.name, await insertPool(change, loadBalancer, { ...body, protocol, lb_algorithm }));
  }
  return named;
}

export function resolvePool(reference: PoolReference, named: NamedPools): PoolRow {
  const pool = named.get(reference.name);
  if (!pool) throw new ApiFault("invalid", `Missing details for Pool object: ${reference.name}`);
  return pool;
}

function isReference(body: PoolReference): boolean {
  const nothing = [body.protocol, body.lb_algorithm, body.session_persistence, body.healthmonitor];
  return nothing.every((each) => each === null) && body.members.length === 0 && body.description === "";
}
