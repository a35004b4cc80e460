import { type Created, mandatory, optional } from "../fields.ts";
import { boolean, oneOf, singleLine, token } from "../values.ts";
import { common, ignoredProject } from "./common.ts";

const types = [
  "COOKIE",
  "FILE_TYPE",
  "HEADER",
  "HOST_NAME",
  "PATH",
  "SSL_CONN_HAS_CERT",
  "SSL_VERIFY_RESULT",
  "SSL_DN_FIELD",
] as const;
const comparisons = ["CONTAINS", "ENDS_WITH", "EQUAL_TO", "REGEX", "STARTS_WITH"] as const;

export const l7ruleFields = {
  ...ignoredProject,
  admin_state_up: common.admin_state_up,
  tags: common.tags,
  type: mandatory("What is looked at", oneOf(types), { update: true }),
  compare_type: mandatory("How it is compared", oneOf(comparisons), { update: true }),
  key: optional("Which header, cookie or field", token, { update: true, default: null }),
  value: mandatory("What it is compared with", singleLine, { update: true }),
  invert: optional("Whether the rule matches when the comparison does not", boolean, { update: true, default: false }),
};

export type L7RuleBody = Created<typeof l7ruleFields>;
