import { type Created, mandatory, nested, optional } from "../fields.ts";
import { integer, listOf, oneOf, uuid, webUrl } from "../values.ts";
import { common, description, ignoredProject } from "./common.ts";
import { l7ruleFields } from "./l7rule.ts";
import { poolInTree } from "./pool.ts";

const actions = ["REJECT", "REDIRECT_TO_POOL", "REDIRECT_TO_URL", "REDIRECT_PREFIX"] as const;

export const l7policyInTree = {
  ...common,
  ...ignoredProject,
  description,
  action: mandatory("What happens to a matching request", oneOf(actions), { update: true }),
  redirect_pool_id: optional("Pool that takes the request", uuid, { update: true, default: null }),
  redirect_pool: optional(
    "The same, created along",
    nested(() => poolInTree),
    { default: null },
  ),
  redirect_url: optional("Where the client is sent", webUrl, { update: true, default: null }),
  redirect_prefix: optional("What is put before the path", webUrl, { update: true, default: null }),
  redirect_http_code: optional("Status of the redirect", oneOf([301, 302, 303, 307, 308]), {
    update: true,
    default: null,
  }),
  position: optional("Place among the policies, from 1; last if not given", integer(1, 2_147_483_647), {
    update: true,
    default: 2_147_483_647,
  }),
  rules: optional("Rules, created along", listOf(nested(() => l7ruleFields)), { default: [] }),
};

export const l7policyFields = { ...l7policyInTree, listener_id: mandatory("Its listener", uuid) };
export type L7PolicyBody = Created<typeof l7policyInTree>;
