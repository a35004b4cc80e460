import type { ApiContext } from "../core/api/context.ts";
import { DriverError } from "../core/drivers/driver-error.ts";
import { BoundedEventLog } from "../core/events/event-log.ts";
import type { Store } from "../core/store/store.ts";
import { timestamp } from "../core/store/timestamp.ts";
import { exampleNetworks } from "./example-networks.ts";
import { FakeClock } from "./fake-clock.ts";
import { applyEverything } from "./fake-reconciler.ts";
import { MemoryStore } from "./memory-store.ts";

/** An API with drivers that admit everything until told otherwise, and a reconciler that works when told. */
export class ApiBench implements ApiContext {
  readonly store: Store;
  readonly networks = exampleNetworks;
  readonly clock = new FakeClock();
  readonly events = new BoundedEventLog(this.clock);
  readonly woken: string[] = [];
  /** What the drivers answer from now on. */
  computeRefuses: DriverError | undefined;
  amphoraRefuses: Error | undefined;

  constructor(store: Store = new MemoryStore()) {
    this.store = store;
  }

  readonly computeDriver = {
    admit: async () => {
      if (this.computeRefuses) throw this.computeRefuses;
    },
  };

  readonly amphoraDriver = {
    admit: (tree: { listeners: { listener: { protocol: string } }[] }) => {
      if (this.amphoraRefuses) throw this.amphoraRefuses;
      const datagram = tree.listeners.find(({ listener }) => ["UDP", "SCTP"].includes(listener.protocol));
      if (datagram) throw new DriverError("unsupported", `${datagram.listener.protocol} listeners`);
    },
  };

  wake(loadBalancerId: string): void {
    this.woken.push(loadBalancerId);
  }

  async apply(): Promise<void> {
    await applyEverything(this.store);
  }

  get now(): string {
    return timestamp(this.clock.nowMs());
  }
}
