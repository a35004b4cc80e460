import { access } from "node:fs/promises";
import type { NamespaceCommand } from "../../core/system/namespace-command.ts";

/** `ip netns exec`: it execs the program, so the pid stays (ip-netns(8)). */
export class IpNetnsCommand implements NamespaceCommand {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  name(): string {
    return this.#namespace;
  }

  wrap(command: readonly [string, ...string[]]): [string, ...string[]] {
    return this.#namespace === "" ? [...command] : ["ip", "netns", "exec", this.#namespace, ...command];
  }

  async wrapIfPresent(command: readonly [string, ...string[]]): Promise<[string, ...string[]]> {
    const present = await access(`/run/netns/${this.#namespace}`).then(
      () => true,
      () => false,
    );
    return present ? this.wrap(command) : [...command];
  }
}
