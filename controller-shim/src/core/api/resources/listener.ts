import { type Created, mandatory, nested, optional } from "../fields.ts";
import { boolean, cidr, integer, listOf, oneOf, port, stringMap, text, uuid } from "../values.ts";
import { common, description, ignoredProject } from "./common.ts";
import { l7policyInTree } from "./l7policy.ts";
import { poolInTree } from "./pool.ts";

const listenerProtocols = ["TCP", "UDP", "HTTP", "HTTPS", "TERMINATED_HTTPS", "SCTP", "PROMETHEUS"] as const;

/** haproxy's timeouts end there: 24 days. */
const milliseconds = integer(0, 2_073_600_000);
const secret = text(255, 1);
const notYet = { update: true, default: null, unsupported: true } as const;

const tls = {
  default_tls_container_ref: optional("Certificate", secret, notYet),
  sni_container_refs: optional("Further certificates", listOf(secret), { ...notYet, default: [] }),
  client_authentication: optional("Whether clients show a certificate", oneOf(["NONE", "OPTIONAL", "MANDATORY"]), {
    ...notYet,
    default: "NONE",
  }),
  client_ca_tls_container_ref: optional("CA of client certificates", secret, notYet),
  client_crl_container_ref: optional("Revoked client certificates", secret, notYet),
  tls_ciphers: optional("Ciphers", text(2_048), notYet),
  tls_versions: optional("TLS versions", listOf(text(32)), notYet),
  alpn_protocols: optional("ALPN protocols", listOf(text(512)), notYet),
  hsts_max_age: optional("Strict transport security, seconds", integer(0, 2_147_483_647), notYet),
  hsts_include_subdomains: optional("HSTS for subdomains", boolean, { ...notYet, default: false }),
  hsts_preload: optional("HSTS preloading", boolean, { ...notYet, default: false }),
};

/** Within the body of a load balancer, which it then belongs to. */
export const listenerInTree = {
  ...common,
  ...ignoredProject,
  ...tls,
  description,
  protocol: mandatory("Protocol", oneOf(listenerProtocols)),
  protocol_port: mandatory("Port clients connect to", port),
  connection_limit: optional("Most connections at once; -1: no limit", integer(-1, 2_147_483_647), {
    update: true,
    default: -1,
  }),
  timeout_client_data: optional("Milliseconds a client may be silent", milliseconds, { update: true, default: 50_000 }),
  timeout_member_connect: optional("Milliseconds to connect to a member", milliseconds, {
    update: true,
    default: 5_000,
  }),
  timeout_member_data: optional("Milliseconds a member may be silent", milliseconds, { update: true, default: 50_000 }),
  timeout_tcp_inspect: optional("Milliseconds to wait for more to inspect", milliseconds, { update: true, default: 0 }),
  insert_headers: optional("Headers to add to requests", stringMap, { update: true, default: {} }),
  allowed_cidrs: optional("Networks that may connect; null: all", listOf(cidr), { update: true, default: null }),
  default_pool_id: optional("Pool that takes what no policy takes", uuid, { update: true, default: null }),
  default_pool: optional(
    "The same, created along",
    nested(() => poolInTree),
    { default: null },
  ),
  l7policies: optional("Policies, created along", listOf(nested(() => l7policyInTree)), { default: [] }),
};

export const listenerFields = { ...listenerInTree, loadbalancer_id: mandatory("Its load balancer", uuid) };
export type ListenerBody = Created<typeof listenerInTree>;
