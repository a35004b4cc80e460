import { type Created, mandatory, nested, optional } from "../fields.ts";
import { BadValue, boolean, integer, type Kind, listOf, oneOf, text, token, uuid } from "../values.ts";
import { common, description, ignoredProject } from "./common.ts";
import { healthMonitorInTree } from "./health-monitor.ts";
import { memberFields } from "./member.ts";

const poolProtocols = ["TCP", "UDP", "HTTP", "HTTPS", "PROXY", "PROXYV2", "SCTP"] as const;
const algorithms = ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"] as const;

/** What was given of it: an update without `type` keeps the type. */
export interface SessionPersistenceBody {
  type?: "SOURCE_IP" | "HTTP_COOKIE" | "APP_COOKIE";
  cookie_name?: string | null;
  persistence_timeout?: number | null;
  persistence_granularity?: string | null;
}

const nullOr =
  <Value>(kind: Kind<Value>): Kind<Value | null> =>
  (raw) =>
    raw === null ? null : kind(raw);
const persistenceKinds: Record<string, Kind<unknown>> = {
  type: oneOf(["SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"]),
  cookie_name: nullOr(token),
  persistence_timeout: nullOr(integer(0, 2_147_483_647)),
  persistence_granularity: nullOr(text(64)),
};

const sessionPersistence: Kind<SessionPersistenceBody> = (raw) => {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new BadValue("Wrong type. Expected a map");
  const values = Object.entries(raw).map(([name, value]) => {
    const kind = Object.hasOwn(persistenceKinds, name) ? persistenceKinds[name] : undefined;
    if (!kind) throw new BadValue(`Unknown attribute: ${name}`);
    return [name, kind(value)];
  });
  return Object.fromEntries(values) as SessionPersistenceBody;
};

const notYet = { update: true, default: null, unsupported: true } as const;
const secret = text(255, 1);
const tls = {
  tls_enabled: optional("TLS to members", boolean, { ...notYet, default: false }),
  tls_container_ref: optional("Certificate shown to members", secret, notYet),
  ca_tls_container_ref: optional("CA of member certificates", secret, notYet),
  crl_container_ref: optional("Revoked member certificates", secret, notYet),
  tls_ciphers: optional("Ciphers", text(2_048), notYet),
  tls_versions: optional("TLS versions", listOf(text(32)), notYet),
  alpn_protocols: optional("ALPN protocols", listOf(text(512)), notYet),
};

const members = optional("Members, created along", listOf(nested(() => memberFields)), { default: [] });
const healthmonitor = optional(
  "Health monitor, created along",
  nested(() => healthMonitorInTree),
  { default: null },
);
const session_persistence = optional("What keeps a client with a member", sessionPersistence, {
  update: true,
  default: null,
});

/** Within a tree a pool may also be only a name: a reference to one that the same body describes. */
export const poolInTree = {
  ...common,
  ...ignoredProject,
  ...tls,
  description,
  protocol: optional("Protocol", oneOf(poolProtocols), { default: null }),
  lb_algorithm: optional("Algorithm", oneOf(algorithms), { default: null }),
  session_persistence,
  members,
  healthmonitor,
};

export const poolFields = {
  ...poolInTree,
  protocol: mandatory("Protocol", oneOf(poolProtocols)),
  lb_algorithm: mandatory("Algorithm", oneOf(algorithms), { update: true }),
  loadbalancer_id: optional("Its load balancer", uuid, { default: null }),
  listener_id: optional("A listener it becomes the default of", uuid, { default: null }),
};

export type PoolReference = Created<typeof poolInTree>;
export type PoolBody = Omit<PoolReference, "protocol" | "lb_algorithm"> & { protocol: string; lb_algorithm: string };
