import * as z from "zod/mini";

/** A role is a URI SAN of the client certificate: `urn:krater:role:<role>` (architecture: deny by default). */
export const role = z.enum(["controller", "operator", "reader", "break-glass"]);
export type Role = z.infer<typeof role>;

export const ROLE_URN_PREFIX = "urn:krater:role:";
