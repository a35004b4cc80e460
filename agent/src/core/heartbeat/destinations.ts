import type { ControllerAddress } from "../configuration/agent-configuration.ts";

/** Sends one datagram. A rejection is a fact to count, never a reason to stop: networks may not be up yet. */
export interface Datagrams {
  send(datagram: Buffer, to: ControllerAddress): Promise<void>;
}

/** One destination per beat, the next in turn: health managers share a database, so any one of them is enough. */
export class RoundRobin {
  #next = 0;

  /** Undefined for an empty list. A list that got shorter or longer in between is simply continued. */
  next(controllers: readonly ControllerAddress[]): ControllerAddress | undefined {
    if (controllers.length === 0) return undefined;
    const index = this.#next % controllers.length;
    this.#next = index + 1;
    return controllers[index];
  }
}
