import type { L7PolicyRow, L7RuleRow, LoadBalancerRow } from "../store/rows.ts";
import { type Change, changeBelow } from "./change.ts";
import { findRow, l7policies, l7rules, listeners, listObjects, showObject, showRow } from "./collections.ts";
import type { ApiContext } from "./context.ts";
import { ApiFault, conflict } from "./fault.ts";
import { defined, parseCreate, parseUpdate } from "./fields.ts";
import { freshColumns, touch } from "./fresh.ts";
import type { Shown } from "./representation.ts";
import { type L7RuleBody, l7ruleFields } from "./resources/l7rule.ts";

const RULES_PER_POLICY_MAX = 50;
const keyed = ["HEADER", "COOKIE", "SSL_DN_FIELD"];
/** A pattern runs on every request: it must at least be one. PCRE's inline flags are not JavaScript's. */
const INLINE_FLAGS = /^\(\?[imsx]+\)/;

/** Of this policy and no other: a policy that is not there is told before a rule that is not. */
export async function listL7Rules(
  context: ApiContext,
  policyId: string,
  query: URLSearchParams,
  self: string,
): Promise<Shown> {
  const policy = await findRow(context.store, l7policies, policyId);
  return listObjects(context, l7rules, query, self, { l7policy_id: policy.id });
}

export async function showOneL7Rule(
  context: ApiContext,
  policyId: string,
  id: string,
  query: URLSearchParams,
): Promise<Shown> {
  const policy = await findRow(context.store, l7policies, policyId);
  return showObject(context, l7rules, id, query, { l7policy_id: policy.id });
}

export async function createL7Rule(context: ApiContext, policyId: string, body: unknown): Promise<Shown> {
  const wanted = parseCreate(l7ruleFields, body);
  return changeBelow(context, async (change) => {
    const { policy, loadBalancerId } = await locate(change, policyId);
    const row = await insertL7Rule(change, policy, policy, wanted);
    await touchPolicy(change, policy);
    return {
      loadBalancerId,
      text: `rule ${row.id} of policy ${policy.name || policy.id} created`,
      answer: async (tables) => ({ rule: await showRow(tables, l7rules, row) }),
    };
  });
}

export async function insertL7Rule(
  change: Change,
  owner: Pick<LoadBalancerRow, "project_id">,
  policy: L7PolicyRow,
  body: L7RuleBody,
): Promise<L7RuleRow> {
  checkRule(body);
  if ((await change.tables.list("l7rule", { l7policy_id: policy.id })).length >= RULES_PER_POLICY_MAX) {
    throw conflict(`L7 policy ${policy.id} has the most rules it may have (${RULES_PER_POLICY_MAX}).`);
  }
  const row: L7RuleRow = {
    ...freshColumns(change, owner, body),
    l7policy_id: policy.id,
    type: body.type,
    compare_type: body.compare_type,
    key: body.key,
    value: body.value,
    invert: body.invert,
  };
  await change.tables.insert("l7rule", row);
  return row;
}

export async function updateL7Rule(context: ApiContext, policyId: string, id: string, body: unknown): Promise<Shown> {
  const wanted = parseUpdate(l7ruleFields, body);
  return changeBelow(context, async (change) => {
    const { policy, loadBalancerId } = await locate(change, policyId);
    const row = await findRow(change.tables, l7rules, id, { l7policy_id: policy.id });
    const { admin_state_up, tags, type, compare_type, key, value, invert } = wanted;
    const columns = defined({ admin_state_up, tags, type, compare_type, key, value, invert });
    checkRule({ ...row, ...columns });
    await change.tables.update("l7rule", id, {
      ...columns,
      provisioning_status: "PENDING_UPDATE",
      updated_at: change.now,
    });
    await touchPolicy(change, policy);
    return {
      loadBalancerId,
      text: `rule ${id} of policy ${policy.name || policy.id} updated`,
      answer: async (tables) => ({ rule: await showRow(tables, l7rules, await findRow(tables, l7rules, id)) }),
    };
  });
}

export async function deleteL7Rule(context: ApiContext, policyId: string, id: string): Promise<void> {
  return changeBelow(context, async (change) => {
    const { policy, loadBalancerId } = await locate(change, policyId);
    await findRow(change.tables, l7rules, id, { l7policy_id: policy.id });
    await change.tables.update("l7rule", id, { provisioning_status: "PENDING_DELETE" });
    await touchPolicy(change, policy);
    return {
      loadBalancerId,
      text: `rule ${id} of policy ${policy.name || policy.id} deleted`,
      answer: async () => undefined,
    };
  });
}

async function locate({ tables }: Change, policyId: string) {
  const policy = await findRow(tables, l7policies, policyId);
  const listener = await findRow(tables, listeners, policy.listener_id);
  return { policy, loadBalancerId: listener.load_balancer_id };
}

async function touchPolicy(change: Change, policy: L7PolicyRow): Promise<void> {
  await touch(change, "l7policy", policy.id);
  await touch(change, "listener", policy.listener_id);
}

function checkRule(rule: { type: string; compare_type: string; key: string | null; value: string }): void {
  const refuse = (why: string) => new ApiFault("invalid", `Error parsing L7Rule: ${why}`);
  if (keyed.includes(rule.type) && rule.key === null) throw refuse(`a ${rule.type} rule needs a key.`);
  if (!keyed.includes(rule.type) && rule.key !== null) throw refuse(`a ${rule.type} rule has no key.`);
  if (rule.type === "FILE_TYPE" && !["EQUAL_TO", "REGEX"].includes(rule.compare_type)) {
    throw refuse("a FILE_TYPE rule compares with EQUAL_TO or REGEX.");
  }
  if (rule.type === "SSL_CONN_HAS_CERT" && (rule.compare_type !== "EQUAL_TO" || !/^true$/i.test(rule.value))) {
    throw refuse("an SSL_CONN_HAS_CERT rule compares EQUAL_TO with True.");
  }
  if (rule.type === "SSL_VERIFY_RESULT" && (rule.compare_type !== "EQUAL_TO" || !/^\d+$/.test(rule.value))) {
    throw refuse("an SSL_VERIFY_RESULT rule compares EQUAL_TO with a number.");
  }
  if (rule.compare_type === "REGEX" && !isPattern(rule.value)) {
    throw refuse(`${rule.value} is not a regular expression.`);
  }
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text.replace(INLINE_FLAGS, "").replaceAll("(?P<", "(?<"));
    return true;
  } catch {
    return false;
  }
}
