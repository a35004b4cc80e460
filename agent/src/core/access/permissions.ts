import type { Caller } from "./roles.ts";

/** Routes by what they let a caller do. */
export type RouteGroup =
  | "discovery" // GET /
  | "octavia" // everything below /1.0
  | "observe"; // reading below /krater/v1

/** Deny by default: who is not in the row may not. A certificate without a role is stock Octavia's. */
const permitted = {
  discovery: ["no-role", "controller", "operator", "reader", "break-glass"],
  octavia: ["no-role", "controller"],
  observe: ["controller", "operator", "reader"],
} as const satisfies Record<RouteGroup, readonly Caller[]>;

export function mayUse(caller: Caller, group: RouteGroup): boolean {
  return (permitted[group] as readonly Caller[]).includes(caller);
}
