import { isLive } from "../../../core/store/live.ts";
import type { ListenerTree, LoadBalancerTree, PoolTree } from "../../../core/store/load-balancer-tree.ts";
import type { HealthMonitorRow, L7RuleRow, ListenerRow, MemberRow } from "../../../core/store/rows.ts";
import * as check from "./values.ts";

/** What the templates see: every string is already one or more harmless haproxy words. */
export interface HaproxyView {
  loadBalancerId: string;
  basePath: string;
  connectionLogging: boolean;
  /** haproxy knows `server-state-file` and `http-reuse` (1.6). */
  modern: boolean;
  maxconn: number;
  frontends: FrontendView[];
}

interface FrontendView {
  id: string;
  maxconn: number;
  bind: string;
  mode: "http" | "tcp";
  /** Lines of sources that may connect; empty: everybody. */
  allowedSources: string[];
  policies: PolicyView[];
  defaultBackend: string;
  timeoutClientMs: number;
  inspectDelayMs: number;
  logFormat: string;
  backends: BackendView[];
}

interface PolicyView {
  acls: { id: string; expression: string }[];
  /** Empty: nothing to do (its pool is disabled). */
  action: string;
  condition: string;
}

interface BackendView {
  name: string;
  mode: "http" | "tcp";
  balance: "roundrobin" | "leastconn" | "source";
  sourceAffinity: boolean;
  insertedCookie: boolean;
  applicationCookie: string;
  monitor: MonitorView | undefined;
  forwardedFor: boolean;
  forwardedPort: boolean;
  forwardedProto: string;
  fullconn: number;
  timeoutConnectMs: number;
  timeoutServerMs: number;
  servers: ServerView[];
}

interface MonitorView {
  timeoutS: number;
  /** `GET /health HTTP/1.1`; empty: connect only. */
  request: string;
  host: string;
  codes: string;
}

interface ServerView {
  id: string;
  endpoint: string;
  weight: number;
  /** ` check inter 5s ...`, with a leading space; empty without monitor. */
  options: string;
}

/** haproxy's own default per listener in Octavia's renderer, and the ceiling of the sum. */
const CONNECTION_LIMIT_DEFAULT = 50_000;
const CONNECTION_LIMIT_SUM_MAX = 1_000_000;
const TIMEOUT_MAX_MS = 2_073_600_000;
/** haproxy's MAX_LINE_ARGS is 64: a long list goes on further `acl` lines of the same name. */
const SOURCES_PER_LINE = 40;

export interface ViewOptions {
  basePath: string;
  connectionLogging: boolean;
  haproxyVersion: string;
}

export function viewOf(tree: LoadBalancerTree, options: ViewOptions): HaproxyView {
  const { loadBalancer } = tree;
  const listeners = tree.listeners.filter(({ listener }) => isLive(listener) && listener.admin_state_up);
  const sum = listeners.reduce((total, { listener }) => total + connectionLimit(listener), 0);
  const [major = 0, minor = 0] = options.haproxyVersion.split(".").map((part) => Number.parseInt(part, 10));
  return {
    loadBalancerId: check.uuid(loadBalancer.id, "load balancer id"),
    basePath: options.basePath,
    connectionLogging: options.connectionLogging,
    modern: major > 1 || minor >= 6,
    maxconn: Math.min(sum, CONNECTION_LIMIT_SUM_MAX),
    frontends: loadBalancer.admin_state_up ? listeners.map((listener) => frontend(listener, tree)) : [],
  };
}

function frontend(tree: ListenerTree, whole: LoadBalancerTree): FrontendView {
  const { listener } = tree;
  const id = check.uuid(listener.id, "listener id");
  const mode = listener.protocol === "HTTP" ? "http" : "tcp";
  const vip = check.address(whole.loadBalancer.vip_address, "vip_address");
  const policies = tree.l7policies.filter(
    ({ policy, rules }) => isLive(policy) && policy.admin_state_up && rules.some(isEnabled),
  );
  const pools = new Map(whole.pools.filter(({ pool }) => isEnabled(pool)).map((pool) => [pool.pool.id, pool]));
  const used = new Set([listener.default_pool_id, ...policies.map(({ policy }) => policy.redirect_pool_id)]);
  const sources = (listener.allowed_cidrs ?? []).map((each) => check.cidr(each, "allowed_cidrs"));
  return {
    id,
    maxconn: connectionLimit(listener),
    bind: `${vip}:${check.integer(listener.protocol_port, "protocol_port", 1, 65_535)}`,
    mode,
    allowedSources: chunks(sources, SOURCES_PER_LINE).map((line) => line.join(" ")),
    policies: policies.map((policy) => policyView(policy, id, pools)),
    defaultBackend: pools.has(listener.default_pool_id ?? "") ? `${listener.default_pool_id}:${id}` : "",
    timeoutClientMs: milliseconds(listener.timeout_client_data, "timeout_client_data"),
    inspectDelayMs: milliseconds(listener.timeout_tcp_inspect, "timeout_tcp_inspect"),
    logFormat: logFormat(whole.loadBalancer.project_id, whole.loadBalancer.id, mode),
    backends: [...used].flatMap((poolId) => {
      const pool = pools.get(poolId ?? "");
      return pool ? [backend(pool, listener)] : [];
    }),
  };
}

function policyView(
  { policy, rules }: ListenerTree["l7policies"][number],
  listenerId: string,
  pools: ReadonlyMap<string, PoolTree>,
): PolicyView {
  const enabled = rules.filter(isEnabled);
  const pool = policy.redirect_pool_id ?? "";
  const code =
    policy.redirect_http_code === null ? "" : ` code ${check.oneOf(String(policy.redirect_http_code), "code", codes)}`;
  const actions = {
    REJECT: () => "http-request deny",
    REDIRECT_TO_URL: () => `redirect${code} location ${check.word(policy.redirect_url ?? "", "redirect_url")}`,
    REDIRECT_PREFIX: () => `redirect${code} prefix ${check.word(policy.redirect_prefix ?? "", "redirect_prefix")}`,
    REDIRECT_TO_POOL: () => (pools.has(pool) ? `use_backend ${pool}:${listenerId}` : ""),
  };
  return {
    acls: enabled.map((rule) => ({ id: check.uuid(rule.id, "rule id"), expression: expression(rule) })),
    action: actions[check.oneOf(policy.action, "action", actionNames)](),
    condition: enabled.map((rule) => `${rule.invert ? "!" : ""}${rule.id}`).join(" "),
  };
}

const codes = ["301", "302", "303", "307", "308"] as const;
const actionNames = ["REJECT", "REDIRECT_TO_URL", "REDIRECT_PREFIX", "REDIRECT_TO_POOL"] as const;
const comparisons = { REGEX: "reg", STARTS_WITH: "beg", ENDS_WITH: "end", CONTAINS: "sub", EQUAL_TO: "str" } as const;
const comparisonNames = ["REGEX", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO"] as const;
const ruleTypes = ["HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE"] as const;

function expression(rule: L7RuleRow): string {
  const compare = comparisons[check.oneOf(rule.compare_type, "compare_type", comparisonNames)];
  const value = check.pattern(rule.value, "L7 rule value");
  const match = `-m ${compare} ${value}`;
  const type = check.oneOf(rule.type, "L7 rule type", ruleTypes);
  switch (type) {
    case "HOST_NAME":
      return `req.hdr(host) -i ${match}`;
    case "PATH":
      return `path ${match}`;
    case "FILE_TYPE":
      return compare === "str" ? `path_end ${value}` : `path_end ${match}`;
    case "HEADER":
      return `req.hdr(${check.token(rule.key, "L7 rule key")}) ${match}`;
    case "COOKIE":
      return `req.cook(${check.token(rule.key, "L7 rule key")}) ${match}`;
    default:
      return type satisfies never;
  }
}

function backend(tree: PoolTree, listener: ListenerRow): BackendView {
  const { pool } = tree;
  const proxied = pool.protocol === "PROXY" || pool.protocol === "PROXYV2";
  const http = proxied ? listener.protocol === "HTTP" : pool.protocol === "HTTP";
  const monitor = tree.healthMonitor && isEnabled(tree.healthMonitor) ? tree.healthMonitor : undefined;
  const persistence = pool.session_persistence;
  const wants = (name: string) => http && listener.insert_headers[name]?.toLowerCase() === "true";
  const cookies = persistence?.type === "HTTP_COOKIE";
  return {
    name: `${check.uuid(pool.id, "pool id")}:${listener.id}`,
    mode: http ? "http" : "tcp",
    balance: algorithms[check.oneOf(pool.lb_algorithm, "lb_algorithm", algorithmNames)],
    sourceAffinity: persistence?.type === "SOURCE_IP",
    insertedCookie: cookies,
    applicationCookie: persistence?.type === "APP_COOKIE" ? check.token(persistence.cookie_name, "cookie_name") : "",
    monitor: monitor && monitorView(monitor),
    forwardedFor: wants("X-Forwarded-For"),
    forwardedPort: wants("X-Forwarded-Port"),
    forwardedProto: wants("X-Forwarded-Proto") ? "http" : "",
    fullconn: connectionLimit(listener),
    timeoutConnectMs: milliseconds(listener.timeout_member_connect, "timeout_member_connect"),
    timeoutServerMs: milliseconds(listener.timeout_member_data, "timeout_member_data"),
    servers: tree.members.filter(isLive).map((member) => server(member, monitor, cookies, pool.protocol)),
  };
}

const algorithms = { ROUND_ROBIN: "roundrobin", LEAST_CONNECTIONS: "leastconn", SOURCE_IP: "source" } as const;
const algorithmNames = ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"] as const;
const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"] as const;

function monitorView(monitor: HealthMonitorRow): MonitorView {
  const timeoutS = check.integer(monitor.timeout, "timeout", 0, 2_147_483);
  if (monitor.type !== "HTTP" && monitor.type !== "HTTPS") return { timeoutS, request: "", host: "", codes: "" };
  const path = check.word(monitor.url_path ?? "/", "url_path");
  const version =
    monitor.http_version === null
      ? ""
      : ` HTTP/${check.oneOf(monitor.http_version.toFixed(1), "http_version", ["1.0", "1.1"])}`;
  return {
    timeoutS,
    request: `${check.oneOf(monitor.http_method ?? "GET", "http_method", methods)} ${path}${version}`,
    host:
      monitor.domain_name !== null && monitor.http_version === 1.1
        ? check.hostName(monitor.domain_name, "domain_name")
        : "",
    codes: check.statusCodes(monitor.expected_codes ?? "200", "expected_codes"),
  };
}

function server(
  member: MemberRow,
  monitor: HealthMonitorRow | undefined,
  cookies: boolean,
  poolProtocol: string,
): ServerView {
  const id = check.uuid(member.id, "member id");
  let options = "";
  if (monitor) {
    // TLS-HELLO as a real handshake: today's renderer writes a bare TCP check, which a dead TLS stack passes.
    if (monitor.type === "HTTPS" || monitor.type === "TLS-HELLO") options += " check check-ssl verify none";
    else options += " check";
    options += ` inter ${check.integer(monitor.delay, "delay", 0, 2_147_483)}s`;
    options += ` fall ${check.integer(monitor.max_retries_down, "max_retries_down", 1, 10)}`;
    options += ` rise ${check.integer(monitor.max_retries, "max_retries", 1, 10)}`;
    if (member.monitor_address !== null) options += ` addr ${check.address(member.monitor_address, "monitor_address")}`;
    if (member.monitor_port !== null)
      options += ` port ${check.integer(member.monitor_port, "monitor_port", 1, 65_535)}`;
  }
  if (cookies) options += ` cookie ${id}`;
  if (poolProtocol === "PROXY") options += " send-proxy";
  if (poolProtocol === "PROXYV2") options += " send-proxy-v2";
  if (member.backup) options += " backup";
  if (!member.admin_state_up) options += " disabled";
  return {
    id,
    endpoint: `${check.address(member.address, "member address")}:${check.integer(member.protocol_port, "protocol_port", 1, 65_535)}`,
    weight: check.integer(member.weight, "weight", 0, 256),
    options,
  };
}

function logFormat(projectId: string, loadBalancerId: string, mode: "http" | "tcp"): string {
  const request = mode === "http" ? String.raw`%{+Q}r\ %ST` : String.raw`-\ -`;
  const tail = String.raw`%B\ %U\ %[ssl_c_verify]\ %{+Q}[ssl_c_s_dn]\ %b\ %s\ %Tt\ %tsc`;
  const head = `${check.logLabel(projectId)}\\ ${loadBalancerId}`;
  return String.raw`${head}\ %f\ %ci\ %cp\ %t\ ${request}\ ${tail}`;
}

function connectionLimit(listener: ListenerRow): number {
  if (listener.connection_limit <= 0) return CONNECTION_LIMIT_DEFAULT;
  return check.integer(listener.connection_limit, "connection_limit", 1, 2_147_483_647);
}

function milliseconds(value: number, field: string): number {
  return check.integer(value, field, 0, TIMEOUT_MAX_MS);
}

function isEnabled(row: Parameters<typeof isLive>[0] & { admin_state_up: boolean }): boolean {
  return isLive(row) && row.admin_state_up;
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
