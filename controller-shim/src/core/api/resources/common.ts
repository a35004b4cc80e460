import { optional } from "../fields.ts";
import { boolean, tags, text } from "../values.ts";

/** Attributes that every resource has. */
export const common = {
  name: optional("Name, for people", text(255), { update: true, default: "" }),
  // A null here counts as false, as it does in Octavia.
  admin_state_up: optional("Whether it takes traffic", boolean, { update: true, default: true, nullMeans: false }),
  tags: optional("Free words to find it by", tags, { update: true, default: [] }),
};

/** Children belong to the project of their load balancer, whatever the body says. */
export const ignoredProject = {
  project_id: optional("Ignored: that of the load balancer", text(36), { default: null }),
  tenant_id: optional("Older word for project_id", text(36), { default: null }),
};

export const description = optional("Description, for people", text(255), { update: true, default: "" });
