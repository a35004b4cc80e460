import { commitChildren, removeLoadBalancer, settled } from "../core/lifecycle/commit.ts";
import { readLoadBalancerTree } from "../core/store/load-balancer-tree.ts";
import type { Store } from "../core/store/store.ts";

/** Applies at once whatever is wanted, without any machine: how often it found something to do. */
export async function applyEverything(store: Store): Promise<number> {
  return store.transaction(async (tables) => {
    const waiting = (await tables.list("load_balancer")).filter((row) => row.wanted_revision !== row.applied_revision);
    for (const row of waiting) {
      const tree = await readLoadBalancerTree(tables, row.id);
      if (row.deleting || !tree) {
        await removeLoadBalancer(tables, row.id);
        continue;
      }
      await commitChildren(tables, tree);
      await tables.update("load_balancer", row.id, {
        provisioning_status: "ACTIVE",
        operating_status: "ONLINE",
        applied_revision: row.wanted_revision,
        error: null,
        ...settled,
      });
    }
    return waiting.length;
  });
}
