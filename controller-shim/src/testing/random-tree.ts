import fc from "fast-check";
import { poolProtocols } from "../core/api/protocols.ts";
import type { ListenerTree, LoadBalancerTree, PoolTree } from "../core/store/load-balancer-tree.ts";
import type { SessionPersistence } from "../core/store/rows.ts";
import { listenerOf, memberOf, monitorOf, policyOf, poolOf, readableId, ruleOf, treeOf } from "./example-trees.ts";

/** The strings a user can send, in every field that reaches the renderer. */
export interface UserStrings {
  projectId: string;
  ruleValue: string;
  ruleKey: string;
  redirectUrl: string;
  redirectPrefix: string;
  cookieName: string;
  urlPath: string;
  domainName: string;
  expectedCodes: string;
  memberAddress: string;
  monitorAddress: string;
  allowedCidr: string;
  vipAddress: string;
  headerValue: string;
}

export const harmless: UserStrings = {
  projectId: "project",
  ruleValue: "value",
  ruleKey: "X-Key",
  redirectUrl: "http://example.com/",
  redirectPrefix: "http://example.com",
  cookieName: "SESSION",
  urlPath: "/health",
  domainName: "www.example.com",
  expectedCodes: "200",
  memberAddress: "203.0.113.21",
  monitorAddress: "203.0.113.22",
  allowedCidr: "192.0.2.0/24",
  vipAddress: "198.51.100.10",
  headerValue: "true",
};

/** A tree in which each of the strings is rendered somewhere. */
export function treeWith(strings: UserStrings): LoadBalancerTree {
  const rule = { value: strings.ruleValue, key: strings.ruleKey };
  const persistence: SessionPersistence = {
    type: "APP_COOKIE",
    cookie_name: strings.cookieName,
    persistence_timeout: null,
    persistence_granularity: null,
  };
  const monitor = monitorOf({
    url_path: strings.urlPath,
    domain_name: strings.domainName,
    http_version: 1.1,
    expected_codes: strings.expectedCodes,
  });
  const policies = [
    policyOf({ action: "REJECT" }, [
      ruleOf(1, { type: "HEADER", compare_type: "EQUAL_TO", ...rule }),
      ruleOf(2, { type: "COOKIE", compare_type: "REGEX", ...rule }),
      ruleOf(3, { type: "PATH", compare_type: "CONTAINS", ...rule }),
      ruleOf(4, { type: "FILE_TYPE", compare_type: "EQUAL_TO", ...rule }),
      ruleOf(5, { type: "HOST_NAME", compare_type: "ENDS_WITH", ...rule }),
    ]),
    policyOf({ action: "REDIRECT_TO_URL", redirect_url: strings.redirectUrl }, [ruleOf(6, { value: "a" })]),
    policyOf({ action: "REDIRECT_PREFIX", redirect_prefix: strings.redirectPrefix }, [ruleOf(7, { value: "b" })]),
  ];
  const member = memberOf(1, { address: strings.memberAddress, monitor_address: strings.monitorAddress });
  const listener = {
    allowed_cidrs: [strings.allowedCidr],
    insert_headers: { "X-Forwarded-For": strings.headerValue, "X-Forwarded-Proto": "true" },
  };
  return treeOf(
    [listenerOf(1, listener, policies)],
    [poolOf(1, { session_persistence: persistence }, [member], monitor)],
    {
      project_id: strings.projectId,
      vip_address: strings.vipAddress,
    },
  );
}

/** What haproxy, its quoting and its log format make something of, and what only looks like an end of a line. */
const nasty = fc.constantFrom(
  ..."\n \r \t \0 \v \f \x1b \x7f \u0085 \u2028 \u2029 \\ \" ' # % $ { } ( ) [ ] , ; : / ! -- -f ~ é 漢 \ud800".split(
    " ",
  ),
  " ",
  "\\n",
  "\\x0a",
  "\nglobal\n",
  "$HOME",
  "%[src]",
  "\u0024{HOME}",
  "group",
  "if",
  "unless",
  "&",
  "<",
);
export const nastyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.array(fc.oneof(nasty, fc.string({ maxLength: 3 })), { maxLength: 8 }).map((parts) => parts.join("")),
);

/** Trees the API admits: every feature this driver has, in random combinations, values an honest user would send. */
export const admissibleTree: fc.Arbitrary<LoadBalancerTree> = fc
  .array(
    fc.record({
      protocol: fc.constantFrom("HTTP", "TCP", "HTTPS"),
      up: fc.boolean(),
      limit: fc.constantFrom(-1, 0, 1, 2000),
      poolUp: fc.boolean(),
      poolProtocol: fc.nat(),
      algorithm: fc.constantFrom("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"),
      persistence: fc.constantFrom("none", "SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"),
      monitor: fc.constantFrom("none", "HTTP", "HTTPS", "TCP", "TLS-HELLO"),
      version: fc.constantFrom(null, 1, 1.1),
      codes: fc.constantFrom("200", "200,204", "200-299", "200-202,301"),
      cidrs: fc.constantFrom(null, [], ["192.0.2.0/24"], ["0.0.0.0/0", "::/0"]),
      headers: fc.boolean(),
      members: fc.array(
        fc.record({
          weight: fc.integer({ min: 0, max: 256 }),
          backup: fc.boolean(),
          up: fc.boolean(),
          v6: fc.boolean(),
          monitored: fc.boolean(),
        }),
        { maxLength: 5 },
      ),
      rules: fc.array(
        fc.record({
          type: fc.constantFrom("HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE"),
          compare: fc.constantFrom("STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO"),
          value: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
          invert: fc.boolean(),
          action: fc.constantFrom("REJECT", "REDIRECT_TO_URL", "REDIRECT_PREFIX", "REDIRECT_TO_POOL"),
          code: fc.constantFrom(null, 301, 302, 303, 307, 308),
        }),
        { maxLength: 5 },
      ),
      path: fc.webPath().map((path) => (path === "" ? "/" : path)),
    }),
    { maxLength: 5 },
  )
  .map((shapes) => {
    const listeners: ListenerTree[] = [];
    const pools: PoolTree[] = [];
    for (const [index, shape] of shapes.entries()) {
      const n = index + 1;
      const fitting = poolProtocols[shape.protocol] ?? [];
      const protocol = fitting[shape.poolProtocol % fitting.length] ?? "TCP";
      const http = protocol === "HTTP" || (shape.protocol === "HTTP" && protocol.startsWith("PROXY"));
      const kind = !http && shape.persistence !== "none" ? "SOURCE_IP" : shape.persistence;
      const session_persistence: SessionPersistence | null =
        kind === "none"
          ? null
          : {
              type: kind as SessionPersistence["type"],
              cookie_name: kind === "APP_COOKIE" ? "JSESSIONID" : null,
              persistence_timeout: null,
              persistence_granularity: null,
            };
      const members = shape.members.map((member, m) =>
        memberOf(n * 16 + m, {
          weight: member.weight,
          backup: member.backup,
          admin_state_up: member.up,
          address: member.v6 ? `2001:db8::${m + 1}` : `203.0.113.${m + 1}`,
          ...(member.monitored
            ? {
                monitor_address: "203.0.113.200",
                monitor_port: 9e3,
              }
            : {}),
        }),
      );
      const monitor =
        shape.monitor === "none"
          ? undefined
          : monitorOf({
              id: readableId("48", n),
              type: shape.monitor,
              url_path: shape.path,
              expected_codes: shape.codes,
              http_version: shape.version,
              domain_name: shape.version === 1.1 ? "www.example.com" : null,
            });
      const pool = { protocol, lb_algorithm: shape.algorithm, admin_state_up: shape.poolUp, session_persistence };
      pools.push(poolOf(n, pool, members, monitor));
      const policies =
        shape.protocol !== "HTTP"
          ? []
          : shape.rules.map((rule, r) =>
              policyOf(
                {
                  action: rule.action as "REJECT",
                  redirect_url: "http://www.example.com/?a=b&c=100%25#top",
                  redirect_prefix: "https://example.com",
                  redirect_pool_id: readableId("50", n),
                  redirect_http_code: rule.action.startsWith("REDIRECT_TO_POOL") ? null : rule.code,
                },
                [
                  ruleOf(n * 16 + r, {
                    type: rule.type,
                    compare_type: rule.compare,
                    value: rule.value,
                    invert: rule.invert,
                    key: "X-Key",
                  }),
                ],
              ),
            );
      const insert_headers: Record<string, string> =
        shape.headers && shape.protocol === "HTTP"
          ? { "X-Forwarded-For": "true", "X-Forwarded-Port": "true", "X-Forwarded-Proto": "true" }
          : {};
      const listener = {
        protocol: shape.protocol,
        protocol_port: 8e3 + n,
        admin_state_up: shape.up,
        insert_headers,
        connection_limit: shape.limit,
        allowed_cidrs: shape.cidrs as string[] | null,
      };
      listeners.push(listenerOf(n, listener, policies));
    }
    return treeOf(listeners, pools);
  });
