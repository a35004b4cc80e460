import { BlockList } from "node:net";
import { run } from "./start/programs.ts";

/** What `ip -json address show` says of a link, as far as it is asked here. */
export interface LinkAddresses {
  ifname: string;
  addr_info?: { local?: string }[];
}

export interface HeldNetwork {
  network: string;
  link: string;
}

/** The first of the networks in which a link of this machine, other than our own, has an address already. */
export async function heldNetwork(networks: readonly string[], isOurs: (link: string) => boolean) {
  const { stdout } = await run("ip", ["-json", "-4", "address", "show"]);
  const links = JSON.parse(stdout || "[]") as LinkAddresses[];
  return findHeldNetwork(
    networks,
    links.filter(({ ifname }) => !isOurs(ifname)),
  );
}

export function findHeldNetwork(networks: readonly string[], links: readonly LinkAddresses[]): HeldNetwork | undefined {
  for (const network of networks) {
    const [base = "", prefix] = network.split("/");
    const range = new BlockList();
    range.addSubnet(base, Number(prefix));
    const holder = links.find((link) => link.addr_info?.some(({ local }) => local !== undefined && range.check(local)));
    if (holder) return { network, link: holder.ifname };
  }
  return undefined;
}
