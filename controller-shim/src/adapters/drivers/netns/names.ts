import { createHash } from "node:crypto";
import type { ShimNetwork } from "../../../core/planning/networks.ts";

/** Names on the machine: all begin with the instance, so that two shims never meet and one can be cleaned away whole. */
export const INSTANCE = /^[a-z0-9]{1,6}$/;
const AMPHORA_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const BRIDGE_SUFFIX = { management: "mgmt", vip: "vip", member: "mem" } as const;

export function isAmphoraId(text: string): boolean {
  return AMPHORA_ID.test(text);
}

/** What stands for an amphora in names that may have 15 characters. */
export function shortIdOf(amphoraId: string): string {
  return amphoraId.slice(0, 8);
}

/** `<instance>-<short id>`: a file in /run/netns. */
export function namespaceName(instance: string, shortId: string): string {
  return `${instance}-${shortId}`;
}

export function shortIdOfNamespace(instance: string, name: string): string | undefined {
  const rest = name.startsWith(`${instance}-`) ? name.slice(instance.length + 1) : "";
  return /^[0-9a-f]{8}$/.test(rest) ? rest : undefined;
}

export function bridgeName(instance: string, role: ShimNetwork["role"]): string {
  return `${instance}-${BRIDGE_SUFFIX[role]}`;
}

/** The bridge's end of `eth<n>`: 6 + 8 + 1 characters at most (IFNAMSIZ is 16 with the closing zero). */
export function hostLinkName(instance: string, shortId: string, legName: string): string {
  return `${instance}${shortId}${legNumber(legName).toString(36)}`;
}

export function shortIdOfHostLink(instance: string, name: string): string | undefined {
  if (!name.startsWith(instance) || name.length !== instance.length + 9) return undefined;
  const rest = name.slice(instance.length);
  return /^[0-9a-f]{8}[0-9a-z]$/.test(rest) ? rest.slice(0, 8) : undefined;
}

export function isLegName(name: string): boolean {
  return /^eth(\d|[12]\d|3[0-5])$/.test(name);
}

/** Locally administered and the same every time: a bridge that gains a port keeps its address, a step needs no look. */
export function macAddress(name: string): string {
  const digest = createHash("sha256").update(name).digest();
  return [0x02, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function legNumber(legName: string): number {
  return Number(legName.slice("eth".length));
}
