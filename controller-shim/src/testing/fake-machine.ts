import { AgentCallFailed, type AgentClient } from "../core/drivers/agent-client.ts";
import type { AmphoraDriver, AmphoraEndpoint } from "../core/drivers/amphora-driver.ts";
import type { AmphoraSpecification, ComputeDriver, ObservedAmphora } from "../core/drivers/compute-driver.ts";
import { isLive } from "../core/store/live.ts";
import type { LoadBalancerTree } from "../core/store/load-balancer-tree.ts";
import type { Store } from "../core/store/store.ts";

/** A machine that outlives the shim: its amphorae, what they run, and who held the VIP together. */
export class FakeMachine {
  readonly amphorae = new Map<string, { specification: AmphoraSpecification; running: boolean; runs: string[] }>();
  /** Every instant at which two amphorae had the same virtual address. */
  readonly conflicts: string[] = [];
  /** Somebody may take them away; `prepare` brings them back. */
  hasNetworks = true;
  /** Agents answer (all, or none). */
  answering = true;
  /** Thrown by the named call, as often as it is made, until taken away. */
  readonly failures = new Map<"admit" | "prepare" | "ensure" | "destroy" | "observe" | "apply", Error>();

  holders(address: string): string[] {
    return [...this.amphorae]
      .filter(([, amphora]) => amphora.specification.legs.some((leg) => leg.virtualAddresses.includes(address)))
      .map(([id]) => id);
  }

  /** What one process sees of the machine and the database, until it makes its `dieAt`-th call and is no more. */
  processOver(store: Store, dieAt = Number.POSITIVE_INFINITY): FakeProcess {
    return new FakeProcess(this, store, dieAt);
  }

  failIfTold(call: "admit" | "prepare" | "ensure" | "destroy" | "observe" | "apply"): void {
    const failure = this.failures.get(call);
    if (failure) throw failure;
  }
}

export class ProcessDied extends Error {
  constructor() {
    super("process died");
    this.name = "ProcessDied";
  }
}

export class FakeProcess {
  readonly store: Store;
  readonly compute: ComputeDriver;
  readonly amphoraDriver: AmphoraDriver;
  readonly agent: Pick<AgentClient, "info">;
  calls = 0;
  readonly #dieAt: number;

  constructor(machine: FakeMachine, store: Store, dieAt: number) {
    this.#dieAt = dieAt;
    this.store = this.#mortal(store);
    this.compute = this.#mortal(fakeCompute(machine));
    this.amphoraDriver = this.#mortal(fakeAmphoraDriver(machine));
    this.agent = this.#mortal(fakeAgent(machine));
  }

  /** Every method counts; from the fatal call on none does anything any more. */
  #mortal<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          this.calls += 1;
          if (this.calls >= this.#dieAt) return Promise.reject(new ProcessDied());
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  }
}

function fakeCompute(machine: FakeMachine): ComputeDriver {
  return {
    name: "fake",
    prepare: async () => {
      machine.failIfTold("prepare");
      machine.hasNetworks = true;
    },
    hasNetworks: async () => machine.hasNetworks,
    admit: async () => machine.failIfTold("admit"),
    ensure: async (specification) => {
      machine.failIfTold("ensure");
      const known = machine.amphorae.get(specification.amphoraId);
      machine.amphorae.set(specification.amphoraId, { specification, running: true, runs: known?.runs ?? [] });
      for (const address of specification.legs.flatMap((leg) => leg.virtualAddresses)) {
        const holders = machine.holders(address);
        if (holders.length > 1) machine.conflicts.push(`${address} is held by ${holders.join(" and ")}`);
      }
    },
    observe: async (): Promise<ObservedAmphora[]> => {
      machine.failIfTold("observe");
      return [...machine.amphorae].map(([amphoraId, { running }]) => ({ amphoraId, running }));
    },
    destroy: async (amphoraId) => {
      machine.failIfTold("destroy");
      machine.amphorae.delete(amphoraId);
    },
    destroyAll: async () => machine.amphorae.clear(),
  };
}

function fakeAmphoraDriver(machine: FakeMachine): AmphoraDriver {
  return {
    name: "fake",
    admit: () => undefined,
    apply: async (endpoint: AmphoraEndpoint, tree: LoadBalancerTree) => {
      machine.failIfTold("apply");
      const amphora = machine.amphorae.get(endpoint.amphoraId);
      if (!amphora?.running) throw new AgentCallFailed("connection refused", undefined);
      amphora.runs = tree.pools.flatMap(({ members }) => members.filter(isLive).map((member) => member.address));
    },
  };
}

function fakeAgent(machine: FakeMachine): Pick<AgentClient, "info"> {
  return {
    info: async (endpoint) => {
      if (!machine.answering || !machine.amphorae.get(endpoint.amphoraId)?.running) {
        throw new AgentCallFailed("connection refused", undefined);
      }
      return { haproxyVersion: "2.6.12" };
    },
  };
}
