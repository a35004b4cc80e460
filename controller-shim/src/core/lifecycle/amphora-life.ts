import { randomUUID } from "node:crypto";
import type { AmphoraEndpoint } from "../drivers/amphora-driver.ts";
import type { ObservedAmphora } from "../drivers/compute-driver.ts";
import { DriverError } from "../drivers/driver-error.ts";
import { AddressRefused } from "../planning/allocate-address.ts";
import type { ShimNetwork } from "../planning/networks.ts";
import type { LoadBalancerTree } from "../store/load-balancer-tree.ts";
import type { AddressRow, AmphoraRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import { timestamp } from "../store/timestamp.ts";
import { amphoraSpecification, memberNetworks } from "./amphora-specification.ts";
import { removeAmphora } from "./commit.ts";
import { endpointOf, type Lifecycle, networkOf } from "./lifecycle.ts";

const ANSWER_POLL_MS = 50;
const ANSWER_CALL_MS = 2_000;
const OBSERVE_EVERY_MS = 1_000;

/** One amphora from its row to its end. Every method may be repeated after a crash in its middle. */
export class AmphoraLife {
  readonly #life: Lifecycle;
  /** Keys exist here and in the amphora only; a new process issues anew. */
  readonly #certificates = new Map<string, { pem: string; notAfter: Date }>();

  constructor(life: Lifecycle) {
    this.#life = life;
  }

  /**
   * Sorts the amphorae of a load balancer: `current` is to serve; `others` may still be serving and go once it does.
   * What is dead, or never served and is no longer wanted, goes at once.
   */
  async takeStock(
    tree: LoadBalancerTree,
    signal: AbortSignal,
  ): Promise<{ current?: AmphoraRow; others: AmphoraRow[] }> {
    const { store, compute } = this.#life;
    const { id, wanted_amphora_generation } = tree.loadBalancer;
    const observed = new Map((await compute.observe()).map((each) => [each.amphoraId, each]));
    const living: AmphoraRow[] = [];
    for (const amphora of await store.list("amphora", { load_balancer_id: id })) {
      if (isSpent(amphora, observed.get(amphora.id))) await this.destroy(amphora, "replaced", signal);
      else living.push(amphora);
    }
    const current = living.findLast(
      (amphora) => amphora.status !== "ERROR" && amphora.generation >= wanted_amphora_generation,
    );
    const others = living.filter((amphora) => amphora !== current);
    return current ? { current, others } : { others };
  }

  /** A row and its addresses, in one transaction: whatever runs on the machine is known to the database before. */
  async allocate(tree: LoadBalancerTree): Promise<AmphoraRow> {
    const { compute, networks, clock, allocateAddress, authority } = this.#life;
    const { loadBalancer } = tree;
    await compute.admit();
    const id = randomUUID();
    const certificate = await authority.issueAmphoraCertificate(id);
    const amphora = await this.#allocating(async (tables) => {
      const lease = await tables.get("load_balancer", loadBalancer.id);
      if (lease?.lease_owner !== this.#life.owner) throw new Error("the load balancer is no longer ours to work on");
      const own = { ownerId: id };
      const management = await allocateAddress(tables, networkOf(networks, "management"), {
        ...own,
        purpose: "management",
      });
      const vrrp = await allocateAddress(tables, networkOf(networks, "vip"), { ...own, purpose: "vrrp" });
      const row: AmphoraRow = {
        id,
        load_balancer_id: loadBalancer.id,
        generation: loadBalancer.wanted_amphora_generation,
        role: "STANDALONE",
        status: "BOOTING",
        compute_driver: compute.name,
        compute_id: id,
        lb_network_ip: management.address,
        vrrp_ip: vrrp.address,
        ha_ip: loadBalancer.vip_address,
        vrrp_port_id: vrrp.id,
        ha_port_id: loadBalancer.vip_port_id,
        cert_expiration: timestamp(certificate.notAfter.getTime()),
        applied_revision: 0,
        created_at: timestamp(clock.nowMs()),
        updated_at: null,
      };
      await tables.insert("amphora", row);
      return row;
    });
    this.#certificates.set(id, certificate);
    return amphora;
  }

  /** Gives the amphora an address on every member network it needs; names those it needs no more. */
  async wantedLegs(amphora: AmphoraRow, tree: LoadBalancerTree): Promise<{ superfluous: AddressRow[] }> {
    const { store, networks, allocateAddress } = this.#life;
    const wanted = new Map(memberNetworks(tree, networks).map((network) => [network.subnet.id, network]));
    const superfluous: AddressRow[] = [];
    for (const address of await store.list("address", { owner_id: amphora.id, purpose: "member" })) {
      if (!wanted.delete(address.subnet_id)) superfluous.push(address);
    }
    const missing: ShimNetwork[] = [...wanted.values()];
    if (missing.length > 0) {
      await this.#allocating(async (tables) => {
        for (const network of missing)
          await allocateAddress(tables, network, { ownerId: amphora.id, purpose: "member" });
      });
    }
    return { superfluous };
  }

  async dropAddresses(addresses: readonly AddressRow[]): Promise<void> {
    if (addresses.length === 0) return;
    await this.#life.store.transaction(async (tables) => {
      for (const address of addresses) await tables.remove("address", address.id);
    });
  }

  async ensure(
    amphora: AmphoraRow,
    tree: LoadBalancerTree,
    options: { holdsVip: boolean; without?: readonly AddressRow[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { store, compute, networks, settings, authority } = this.#life;
    signal.throwIfAborted();
    const dropped = new Set(options.without?.map((address) => address.id));
    const owned = await store.list("address", { owner_id: amphora.id });
    const addresses = owned.filter((address) => !dropped.has(address.id));
    const specification = amphoraSpecification(amphora, addresses, networks, {
      vipAddress: options.holdsVip ? tree.loadBalancer.vip_address : undefined,
      settings,
      certificatePem: (await this.#certificateOf(amphora)).pem,
      clientCaPem: authority.clientCaPem,
    });
    await compute.ensure(specification, signal);
  }

  /** An amphora that does not answer in time is given up: the next attempt boots another. */
  async untilItAnswers(amphora: AmphoraRow, signal: AbortSignal): Promise<AmphoraEndpoint> {
    const { agent, clock, settings, store, events } = this.#life;
    const endpoint = endpointOf(amphora);
    const startedMs = clock.monotonicMs();
    let observedMs = startedMs;
    while (true) {
      let last: unknown;
      try {
        await agent.info(endpoint, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_CALL_MS)]));
        if (amphora.status === "BOOTING") {
          const took = ((clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
          const text = `amphora ${amphora.id.slice(0, 8)} answers after ${took} s`;
          events.publish({ name: "amphora.booted", loadBalancerId: amphora.load_balancer_id, text });
        }
        return endpoint;
      } catch (error) {
        signal.throwIfAborted();
        last = error;
      }
      const nowMs = clock.monotonicMs();
      let reason: string | undefined;
      if (nowMs - startedMs > settings.bootMs) {
        reason = `did not answer within ${settings.bootMs / 1_000} s: ${last instanceof Error ? last.message : String(last)}`;
      } else if (nowMs - observedMs > OBSERVE_EVERY_MS) {
        observedMs = nowMs;
        const observed = (await this.#life.compute.observe()).find((each) => each.amphoraId === amphora.id);
        if (!observed?.running) reason = "ended while booting";
      }
      if (reason !== undefined) {
        await store.update("amphora", amphora.id, { status: "ERROR" });
        throw new Error(`amphora ${amphora.id.slice(0, 8)} ${reason}`, { cause: last });
      }
      await clock.sleep(ANSWER_POLL_MS, signal);
    }
  }

  async destroy(amphora: AmphoraRow, why: "replaced" | "deleted", signal: AbortSignal): Promise<void> {
    const { store, compute, events } = this.#life;
    signal.throwIfAborted();
    // Marked first: who finds its processes gone now knows that this was meant.
    if (!(await store.update("amphora", amphora.id, { status: "PENDING_DELETE" }))) return;
    await compute.destroy(amphora.id, signal);
    await store.transaction((tables) => removeAmphora(tables, amphora.id));
    this.#certificates.delete(amphora.id);
    const text = `amphora ${amphora.id.slice(0, 8)} is ${why}`;
    events.publish({ name: `amphora.${why}`, loadBalancerId: amphora.load_balancer_id, text });
  }

  /** A network without a free address is a resource that ran out, not a failure that passes in seconds. */
  async #allocating<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    try {
      return await this.#life.store.transaction(work);
    } catch (cause) {
      if (cause instanceof AddressRefused) throw new DriverError("out-of-resources", cause.message, { cause });
      throw cause;
    }
  }

  async #certificateOf(amphora: AmphoraRow): Promise<{ pem: string; notAfter: Date }> {
    const known = this.#certificates.get(amphora.id);
    if (known) return known;
    const issued = await this.#life.authority.issueAmphoraCertificate(amphora.id);
    this.#certificates.set(amphora.id, issued);
    // One that runs keeps what it booted with; only one that still boots will see this certificate.
    if (amphora.status === "BOOTING") {
      const cert_expiration = timestamp(issued.notAfter.getTime());
      await this.#life.store.update("amphora", amphora.id, { cert_expiration });
    }
    return issued;
  }
}

/** Nothing of a client's can depend on it any more. */
function isSpent(amphora: AmphoraRow, observed: ObservedAmphora | undefined): boolean {
  if (amphora.status === "PENDING_DELETE") return true;
  const served = amphora.applied_revision > 0;
  if (amphora.status === "ERROR" && !served) return true;
  if (observed) return !observed.running;
  return served; // an amphora without trace that was once up is gone; one still BOOTING was not started yet
}
