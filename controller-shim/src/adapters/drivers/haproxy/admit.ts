import { poolProtocols } from "../../../core/api/protocols.ts";
import { isLive } from "../../../core/store/live.ts";
import type { ListenerTree, LoadBalancerTree, PoolTree } from "../../../core/store/load-balancer-tree.ts";
import { refusal } from "./values.ts";

const listenerProtocols = ["HTTP", "TCP", "HTTPS"];
const headers = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"];
const certificateRules = ["SSL_CONN_HAS_CERT", "SSL_VERIFY_RESULT", "SSL_DN_FIELD"];

/** Refuses what this driver cannot honour, in words for the API's user. Values are checked where they are rendered. */
export function refuseUnsupported(tree: LoadBalancerTree): void {
  for (const pool of tree.pools) if (isLive(pool.pool)) refusePool(pool);
  for (const listener of tree.listeners) if (isLive(listener.listener)) refuseListener(listener, tree);
}

function refuseListener({ listener, l7policies }: ListenerTree, tree: LoadBalancerTree): void {
  if (!listenerProtocols.includes(listener.protocol)) {
    throw refusal(`listener protocol ${listener.protocol} is not supported: use HTTP, TCP or HTTPS (pass-through)`);
  }
  for (const [name, value] of Object.entries(listener.insert_headers)) {
    if (!headers.includes(name)) throw refusal(`insert_headers ${name} is not supported: ${headers.join(", ")} are`);
    if (listener.protocol !== "HTTP" && value.toLowerCase() === "true") {
      throw refusal(`insert_headers need an HTTP listener, this one is ${listener.protocol}`);
    }
  }
  const policies = l7policies.filter(({ policy }) => isLive(policy));
  if (policies.length > 0 && listener.protocol !== "HTTP") {
    throw refusal(`L7 policies need an HTTP listener, this one is ${listener.protocol}`);
  }
  for (const { rules } of policies) {
    for (const rule of rules.filter(isLive)) {
      if (certificateRules.includes(rule.type)) {
        throw refusal(`L7 rule type ${rule.type} needs a TERMINATED_HTTPS listener, which is not supported`);
      }
    }
  }
  const poolIds = [listener.default_pool_id, ...policies.map(({ policy }) => policy.redirect_pool_id)];
  for (const { pool } of tree.pools) {
    if (!isLive(pool) || !poolIds.includes(pool.id)) continue;
    if (!poolProtocols[listener.protocol]?.includes(pool.protocol)) {
      throw refusal(`a ${listener.protocol} listener cannot use a ${pool.protocol} pool`);
    }
    const proxied = pool.protocol.startsWith("PROXY");
    const http = pool.protocol === "HTTP" || (proxied && listener.protocol === "HTTP");
    if (pool.session_persistence && pool.session_persistence.type !== "SOURCE_IP" && !http) {
      throw refusal(`session persistence ${pool.session_persistence.type} needs HTTP between listener and members`);
    }
  }
}

function refusePool({ pool, healthMonitor }: PoolTree): void {
  if (!["HTTP", "TCP", "HTTPS", "PROXY", "PROXYV2"].includes(pool.protocol)) {
    throw refusal(`pool protocol ${pool.protocol} is not supported: use HTTP, TCP, HTTPS, PROXY or PROXYV2`);
  }
  if (pool.lb_algorithm === "SOURCE_IP_PORT") {
    throw refusal("lb_algorithm SOURCE_IP_PORT is not supported: use ROUND_ROBIN, LEAST_CONNECTIONS or SOURCE_IP");
  }
  const persistence = pool.session_persistence;
  if (persistence && (persistence.persistence_timeout !== null || persistence.persistence_granularity !== null)) {
    throw refusal("persistence_timeout and persistence_granularity need a UDP or SCTP pool, which is not supported");
  }
  if (!healthMonitor || !isLive(healthMonitor)) return;
  if (healthMonitor.type === "PING") {
    throw refusal("health monitor type PING is not supported: the amphora has no ping program; use TCP or HTTP");
  }
  if (!["HTTP", "HTTPS", "TCP", "TLS-HELLO"].includes(healthMonitor.type)) {
    throw refusal(`health monitor type ${healthMonitor.type} is not supported: use HTTP, HTTPS, TCP or TLS-HELLO`);
  }
}
