import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ControllerAddress } from "../../core/configuration/agent-configuration.ts";
import type { Datagrams } from "../../core/heartbeat/destinations.ts";

/** Long enough not to ask at every beat, short enough that a moved controller is found within a few. */
const RESOLVED_FOR_MS = 30_000;
const RESOLVE_TIMEOUT_MS = 2_000;

type Family = "udp4" | "udp6";

/** One IPv4 and one IPv6 socket with source ports of the kernel's choice, opened when first needed. */
export class UdpDatagrams implements Datagrams {
  readonly #sockets = new Map<Family, Socket>();
  readonly #resolved = new Map<string, { address: string; untilMs: number }>();

  async send(datagram: Buffer, to: ControllerAddress): Promise<void> {
    const address = isIP(to.host) ? to.host : await this.#resolve(to.host);
    const socket = this.#socket(isIP(address) === 6 ? "udp6" : "udp4");
    await new Promise<void>((resolve, reject) => {
      socket.send(datagram, to.port, address, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #socket(family: Family): Socket {
    let socket = this.#sockets.get(family);
    if (!socket) {
      // send() has resolved the address; dgram's own lookup would ask again. Unreferenced: it never holds the process.
      socket = createSocket({
        type: family,
        lookup: (host, _options, done) => done(null, host, family === "udp6" ? 6 : 4),
      });
      socket.unref();
      // An error outside a send (the kernel dropped the socket): the next beat opens a new one.
      socket.on("error", () => this.#drop(family));
      this.#sockets.set(family, socket);
    }
    return socket;
  }

  #drop(family: Family): void {
    const socket = this.#sockets.get(family);
    this.#sockets.delete(family);
    socket?.close();
  }

  /** The first address a name has. When asking fails, an earlier answer is better than silence. */
  async #resolve(host: string): Promise<string> {
    const known = this.#resolved.get(host);
    if (known && performance.now() < known.untilMs) return known.address;
    try {
      const address = await withDeadline(lookup(host), `resolving ${host}`);
      if (!known && this.#resolved.size >= 64) this.#resolved.clear(); // lists are short: this is a bound, not a cache policy
      this.#resolved.set(host, { address: address.address, untilMs: performance.now() + RESOLVED_FOR_MS });
      return address.address;
    } catch (error) {
      if (known) return known.address;
      throw error;
    }
  }
}

async function withDeadline<Value>(work: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} took longer than ${RESOLVE_TIMEOUT_MS} ms`)),
      RESOLVE_TIMEOUT_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
