import { z } from "zod";

/** What `ip -j -d address` says about a link, as far as a plan looks at it. */
export interface ObservedLink {
  name: string;
  index: number;
  /** Index of the other end of a veth pair. */
  peerIndex: number | undefined;
  kind: string | undefined;
  master: string | undefined;
  up: boolean;
  mac: string;
  /** `address/prefix length`, those of scope link left out: they belong to the kernel. */
  addresses: string[];
  bridge: { stp: boolean; forwardDelay: number; multicastSnooping: boolean } | undefined;
}

export interface ObservedNamespace {
  links: ObservedLink[];
  defaultGateways: string[];
}

// iproute2 prints empty objects for what a filter left out.
const link = z.object({
  ifname: z.string(),
  ifindex: z.int(),
  link_index: z.int().optional(),
  master: z.string().optional(),
  address: z.string().default(""),
  flags: z.array(z.string()).default([]),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z
        .object({
          stp_state: z.number().optional(),
          forward_delay: z.number().optional(),
          mcast_snooping: z.number().optional(),
        })
        .optional(),
    })
    .optional(),
  addr_info: z
    .array(z.object({ local: z.string().optional(), prefixlen: z.int().optional(), scope: z.string().optional() }))
    .default([]),
});
const links = z.array(z.union([link, z.record(z.string(), z.never())]));
const rules = z.object({
  nftables: z.array(
    z.object({ chain: z.object({ hook: z.string().optional(), policy: z.string().optional() }).optional() }),
  ),
});
const routes = z.array(z.object({ gateway: z.string().optional() }));

export function parseLinks(json: string): ObservedLink[] {
  return links.parse(JSON.parse(json)).flatMap((each): ObservedLink[] => {
    const seen = link.safeParse(each).data;
    if (!seen) return [];
    const data = seen.linkinfo?.info_data;
    return [
      {
        name: seen.ifname,
        index: seen.ifindex,
        peerIndex: seen.link_index,
        kind: seen.linkinfo?.info_kind,
        master: seen.master,
        up: seen.flags.includes("UP"),
        mac: seen.address,
        addresses: seen.addr_info
          .filter((address) => address.local !== undefined && address.scope !== "link")
          .map((address) => `${address.local}/${address.prefixlen}`),
        bridge:
          seen.linkinfo?.info_kind === "bridge"
            ? {
                stp: data?.stp_state !== 0,
                forwardDelay: data?.forward_delay ?? -1,
                multicastSnooping: data?.mcast_snooping !== 0,
              }
            : undefined,
      },
    ];
  });
}

/** Whether a chain drops what is forwarded and nobody has accepted, in `nft -j list chains` (libnftables-json(5)). */
export function dropsForwarded(json: string): boolean {
  return rules
    .parse(JSON.parse(json))
    .nftables.some(({ chain }) => chain?.hook === "forward" && chain.policy === "drop");
}

/** Gateways of the default routes in `ip -j route show default`. */
export function parseDefaultGateways(json: string): string[] {
  return routes.parse(JSON.parse(json)).flatMap((route) => route.gateway ?? []);
}
