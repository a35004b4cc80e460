import { expect, test } from "vitest";
import type { ApiBench } from "../../testing/api-context.ts";
import { exampleNetworks } from "../../testing/example-networks.ts";
import { memberSubnetId, type SeededIds, seededApi, vipSubnetId } from "../../testing/seeded-api.ts";
import { DriverError } from "../drivers/driver-error.ts";
import { createHealthMonitor, updateHealthMonitor } from "./health-monitors.ts";
import { createL7Policy, updateL7Policy } from "./l7policies.ts";
import { createL7Rule, updateL7Rule } from "./l7rules.ts";
import { createListener, updateListener } from "./listeners.ts";
import { createLoadBalancer, deleteLoadBalancer, updateLoadBalancer } from "./load-balancers.ts";
import { createMember, replaceMembers, updateMember } from "./members.ts";
import { createPool, deletePool, updatePool } from "./pools.ts";

/** Bad input, what it is refused as, and the words that reach the user. Nothing may be left of it. */
interface Refusal {
  name: string;
  body?: unknown;
  code: string;
  text: string | RegExp;
}

const nobody = "99999999-0000-4000-8000-000000000000";
const managementSubnetId = exampleNetworks[0]?.subnet.id;

function refusals(
  kind: string,
  call: (api: ApiBench, ids: SeededIds, body: unknown) => Promise<unknown>,
  rows: Refusal[],
) {
  test.for(rows)(`${kind}: $name is refused as $code`, async ({ body, code, text }) => {
    const { api, ids } = await seededApi();
    const before = await everything(api);
    const filled: unknown = JSON.parse(
      JSON.stringify(body ?? null).replace(/\{(\w+)\}/g, (whole, name) => Reflect.get(ids, name) ?? whole),
    );
    const refused = call(api, ids, filled);
    await expect(refused).rejects.toMatchObject({ name: "ApiFault", code });
    await expect(refused).rejects.toThrow(text);
    expect(await everything(api)).toEqual(before);
    expect(api.woken).toEqual([]);
  });
}

async function everything({ store }: ApiBench): Promise<unknown> {
  const tables = ["load_balancer", "listener", "pool", "member", "health_monitor", "l7policy", "l7rule", "address"];
  return Promise.all(tables.map((table) => store.list(table as "pool")));
}

const lb = (change: object) => ({ vip_subnet_id: vipSubnetId, ...change });
refusals("load balancer create", (api, _ids, body) => createLoadBalancer(api, body), [
  { name: "no object", body: [], code: "invalid", text: "a JSON object was expected" },
  { name: "no VIP", body: {}, code: "invalid", text: "VIP must contain one of" },
  {
    name: "a name that is a number",
    body: lb({ name: 5 }),
    code: "invalid",
    text: "attribute name. Value: '5'. Wrong type",
  },
  { name: "a name of 256 characters", body: lb({ name: "x".repeat(256) }), code: "invalid", text: "maximum character" },
  { name: "half a character", body: lb({ name: "\ud800" }), code: "invalid", text: "Unicode text" },
  { name: "a zero in a tag", body: lb({ tags: ["a\0b"] }), code: "invalid", text: "Unicode text" },
  {
    name: "a name of 256 characters of two units each",
    body: lb({ name: "𝒳".repeat(256) }),
    code: "invalid",
    text: "maximum character",
  },
  { name: "a truth that is none", body: lb({ admin_state_up: "maybe" }), code: "invalid", text: "Expected 'bool'" },
  { name: "tags that are no list", body: lb({ tags: "a" }), code: "invalid", text: "attribute tags" },
  { name: "a tag that is a number", body: lb({ tags: [1] }), code: "invalid", text: "attribute tags" },
  { name: "an unknown attribute", body: lb({ colour: "red" }), code: "invalid", text: "Unknown attribute: colour" },
  {
    name: "an attribute every object has",
    body: lb({ toString: 1 }),
    code: "invalid",
    text: "Unknown attribute: toString",
  },
  { name: "a read-only attribute", body: lb({ id: nobody }), code: "invalid", text: "Unknown attribute: id" },
  { name: "a subnet that is no UUID", body: { vip_subnet_id: "vip" }, code: "invalid", text: "UUID format" },
  {
    name: "a subnet of somebody else",
    body: { vip_subnet_id: nobody },
    code: "invalid",
    text: `Subnet ${nobody} not found`,
  },
  { name: "a network of somebody else", body: { vip_network_id: nobody }, code: "invalid", text: "Network" },
  {
    name: "a subnet for members",
    body: { vip_subnet_id: memberSubnetId },
    code: "invalid",
    text: "is not one for VIPs",
  },
  { name: "an unknown port", body: { vip_port_id: nobody }, code: "invalid", text: `Port ${nobody} not found` },
  { name: "an address that is none", body: lb({ vip_address: "1.2.3" }), code: "invalid", text: "IPv4 or IPv6 format" },
  { name: "an address outside", body: lb({ vip_address: "203.0.113.9" }), code: "invalid", text: "is not in subnet" },
  {
    name: "the gateway's address",
    body: lb({ vip_address: "198.51.100.1" }),
    code: "conflict",
    text: "already in use",
  },
  {
    name: "another VIP's address",
    body: lb({ vip_address: "198.51.100.2" }),
    code: "conflict",
    text: "already in use",
  },
  { name: "an unknown provider", body: lb({ provider: "f5" }), code: "invalid", text: "Provider 'f5' is not enabled." },
  { name: "a flavor", body: lb({ flavor_id: nobody }), code: "invalid", text: "Invalid flavor_id" },
  { name: "an availability zone", body: lb({ availability_zone: "a" }), code: "invalid", text: "availability zone" },
  {
    name: "a second VIP",
    body: lb({ additional_vips: [{ subnet_id: vipSubnetId }] }),
    code: "unsupported",
    text: "Provider 'krater' does not support a requested option: additional_vips",
  },
  { name: "a QoS policy", body: lb({ vip_qos_policy_id: nobody }), code: "unsupported", text: "vip_qos_policy_id" },
]);

const tree = (listener: object, pools: object[] = []) =>
  lb({ listeners: [{ protocol: "HTTP", protocol_port: 80, ...listener }], pools });
const poolBody = { name: "p", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN" };
refusals("tree create", (api, _ids, body) => createLoadBalancer(api, body), [
  {
    name: "a pool without a name",
    body: lb({ pools: [{ ...poolBody, name: "" }] }),
    code: "invalid",
    text: "must be named",
  },
  {
    name: "a pool name twice",
    body: lb({ pools: [poolBody, poolBody] }),
    code: "invalid",
    text: "names must be unique",
  },
  {
    name: "a dangling reference",
    body: tree({ default_pool: { name: "q" } }),
    code: "invalid",
    text: "Missing details for Pool object: q",
  },
  {
    name: "a pool without algorithm",
    body: tree({ default_pool: { name: "q", protocol: "HTTP" } }),
    code: "invalid",
    text: "lb_algorithm",
  },
  {
    name: "a misfit pool",
    body: tree({ default_pool: { ...poolBody, protocol: "TCP" } }),
    code: "invalid",
    text: "pool protocol 'TCP' is invalid",
  },
  {
    name: "two listeners on a port",
    body: lb({
      listeners: [
        { protocol: "HTTP", protocol_port: 80 },
        { protocol: "TCP", protocol_port: 80 },
      ],
    }),
    code: "conflict",
    text: "Another Listener on this Load Balancer is already using protocol TCP and protocol_port 80",
  },
  {
    name: "a bad member deep down",
    body: tree({ default_pool: { ...poolBody, members: [{ address: "here", protocol_port: 1 }] } }),
    code: "invalid",
    text: "attribute address. Value: 'here'",
  },
  {
    name: "the same member twice",
    body: lb({
      pools: [
        {
          ...poolBody,
          members: [
            { address: "203.0.113.1", protocol_port: 1 },
            { address: "203.0.113.1", protocol_port: 1 },
          ],
        },
      ],
    }),
    code: "conflict",
    text: "already using ip 203.0.113.1 on protocol_port 1",
  },
  {
    name: "a bad rule at the very end",
    body: tree({
      l7policies: [{ action: "REJECT", rules: [{ type: "HEADER", compare_type: "EQUAL_TO", value: "x" }] }],
    }),
    code: "invalid",
    text: "a HEADER rule needs a key",
  },
]);

refusals("load balancer update", (api, ids, body) => updateLoadBalancer(api, ids.loadBalancer, body), [
  { name: "the VIP", body: { vip_address: "198.51.100.9" }, code: "invalid", text: "Unknown attribute: vip_address" },
  { name: "the provider", body: { provider: "krater" }, code: "invalid", text: "Unknown attribute: provider" },
  { name: "the project", body: { project_id: "x" }, code: "invalid", text: "Unknown attribute: project_id" },
]);
refusals("load balancer update", (api, _ids, body) => updateLoadBalancer(api, nobody, body), [
  { name: "one that is not there", body: {}, code: "not-found", text: `load balancer ${nobody} not found.` },
  { name: "a wrong type, before existence", body: { name: 1 }, code: "invalid", text: "attribute name" },
]);
refusals("load balancer delete", (api, ids) => deleteLoadBalancer(api, ids.loadBalancer, false), [
  { name: "one with children", code: "invalid", text: "it has children" },
]);

const http = (change: object) => ({
  loadbalancer_id: "{loadBalancer}",
  protocol: "HTTP",
  protocol_port: 81,
  ...change,
});
refusals("listener create", (api, _ids, body) => createListener(api, body), [
  {
    name: "no load balancer",
    body: { protocol: "HTTP", protocol_port: 81 },
    code: "invalid",
    text: "attribute loadbalancer_id. Value: 'None'. Mandatory field missing.",
  },
  {
    name: "a load balancer that is null",
    body: http({ loadbalancer_id: null }),
    code: "invalid",
    text: "Mandatory field missing",
  },
  {
    name: "a load balancer that is not there",
    body: http({ loadbalancer_id: nobody }),
    code: "not-found",
    text: `load balancer ${nobody} not found.`,
  },
  {
    name: "an unknown protocol",
    body: http({ protocol: "GOPHER" }),
    code: "invalid",
    text: /Value: 'GOPHER'. Value should be one of: TCP/,
  },
  { name: "a protocol in lower case", body: http({ protocol: "http" }), code: "invalid", text: "attribute protocol" },
  { name: "port 0", body: http({ protocol_port: 0 }), code: "invalid", text: "greater or equal to 1" },
  { name: "port 65536", body: http({ protocol_port: 65_536 }), code: "invalid", text: "lesser or equal to 65535" },
  { name: "port 80.5", body: http({ protocol_port: 80.5 }), code: "invalid", text: "Expected 'int'" },
  { name: "a port that is true", body: http({ protocol_port: true }), code: "invalid", text: "Expected 'int'" },
  { name: "a port in words", body: http({ protocol_port: "eighty" }), code: "invalid", text: "Expected 'int'" },
  {
    name: "a taken port",
    body: http({ protocol_port: 80 }),
    code: "conflict",
    text: "already using protocol HTTP and protocol_port 80",
  },
  {
    name: "a port taken by another TCP protocol",
    body: http({ protocol: "HTTPS", protocol_port: 80 }),
    code: "conflict",
    text: "protocol HTTPS",
  },
  { name: "a limit of -2", body: http({ connection_limit: -2 }), code: "invalid", text: "greater or equal to -1" },
  {
    name: "a timeout of 25 days",
    body: http({ timeout_client_data: 2_160_000_000 }),
    code: "invalid",
    text: "lesser or equal to 2073600000",
  },
  { name: "headers that are a list", body: http({ insert_headers: [] }), code: "invalid", text: "Expected a map" },
  {
    name: "an unknown header",
    body: http({ insert_headers: { "X-Evil": "true" } }),
    code: "invalid",
    text: "X-Evil is not a valid option",
  },
  {
    name: "a TLS header",
    body: http({ insert_headers: { "X-SSL-Issuer": "true" } }),
    code: "invalid",
    text: "X-SSL-Issuer",
  },
  {
    name: "a header value that is no truth",
    body: http({ insert_headers: { "X-Forwarded-For": "x\nglobal" } }),
    code: "invalid",
    text: "X-Forwarded-For",
  },
  {
    name: "headers in TCP",
    body: http({ protocol: "TCP", insert_headers: { "X-Forwarded-For": "true" } }),
    code: "invalid",
    text: "insert_headers of TCP",
  },
  {
    name: "a CIDR with host bits",
    body: http({ allowed_cidrs: ["192.0.2.1/24"] }),
    code: "invalid",
    text: "CIDR format",
  },
  {
    name: "a CIDR of the other version",
    body: http({ allowed_cidrs: ["2001:db8::/32"] }),
    code: "invalid",
    text: "another IP version",
  },
  {
    name: "a pool that is not there",
    body: http({ default_pool_id: nobody }),
    code: "not-found",
    text: `pool ${nobody} not found.`,
  },
  {
    name: "a pool of another load balancer",
    body: http({ default_pool_id: "{otherPool}" }),
    code: "not-found",
    text: "not found",
  },
  {
    name: "a misfit pool",
    body: http({ protocol: "HTTPS", default_pool_id: "{pool}" }),
    code: "invalid",
    text: "pool protocol 'HTTP' is invalid while the listener protocol is 'HTTPS'",
  },
  {
    name: "a certificate",
    body: http({ default_tls_container_ref: "https://secrets/1" }),
    code: "unsupported",
    text: "default_tls_container_ref",
  },
  {
    name: "client certificates",
    body: http({ client_authentication: "MANDATORY" }),
    code: "unsupported",
    text: "client_authentication",
  },
  {
    name: "TLS without a certificate",
    body: http({ protocol: "TERMINATED_HTTPS" }),
    code: "invalid",
    text: "container reference must be provided",
  },
  {
    name: "UDP, which the driver does not do",
    body: http({ protocol: "UDP" }),
    code: "unsupported",
    text: "does not support a requested option: UDP listeners",
  },
]);
refusals("listener update", (api, ids, body) => updateListener(api, ids.listener, body), [
  { name: "the port", body: { protocol_port: 8080 }, code: "invalid", text: "Unknown attribute: protocol_port" },
  {
    name: "the load balancer",
    body: { loadbalancer_id: nobody },
    code: "invalid",
    text: "Unknown attribute: loadbalancer_id",
  },
  {
    name: "a pool of another load balancer",
    body: { default_pool_id: "{otherPool}" },
    code: "not-found",
    text: "not found",
  },
  {
    name: "an unknown header",
    body: { insert_headers: { Host: "true" } },
    code: "invalid",
    text: "Host is not a valid option",
  },
]);

const pool = (change: object) => ({
  loadbalancer_id: "{loadBalancer}",
  protocol: "HTTP",
  lb_algorithm: "ROUND_ROBIN",
  ...change,
});
refusals("pool create", (api, _ids, body) => createPool(api, body), [
  {
    name: "no parent",
    body: pool({ loadbalancer_id: null }),
    code: "invalid",
    text: "at least one of: loadbalancer_id, listener_id",
  },
  {
    name: "no algorithm",
    body: { loadbalancer_id: nobody, protocol: "HTTP" },
    code: "invalid",
    text: "attribute lb_algorithm",
  },
  { name: "an unknown algorithm", body: pool({ lb_algorithm: "FASTEST" }), code: "invalid", text: "should be one of" },
  {
    name: "a load balancer that is not there",
    body: pool({ loadbalancer_id: nobody }),
    code: "not-found",
    text: "load balancer",
  },
  { name: "a listener that is not there", body: pool({ listener_id: nobody }), code: "not-found", text: "listener" },
  {
    name: "an occupied listener",
    body: pool({ listener_id: "{listener}" }),
    code: "conflict",
    text: "already has a default pool",
  },
  {
    name: "a listener of another load balancer",
    body: pool({ loadbalancer_id: "{otherLoadBalancer}", listener_id: "{listener}" }),
    code: "invalid",
    text: "is not one of load balancer",
  },
  {
    name: "a persistence without type",
    body: pool({ session_persistence: {} }),
    code: "invalid",
    text: "needs a type",
  },
  {
    name: "a persistence of unknown type",
    body: pool({ session_persistence: { type: "MAGIC" } }),
    code: "invalid",
    text: "should be one of",
  },
  {
    name: "an unknown persistence option",
    body: pool({ session_persistence: { constructor: "x" } }),
    code: "invalid",
    text: "Unknown attribute: constructor",
  },
  {
    name: "an APP_COOKIE without name",
    body: pool({ session_persistence: { type: "APP_COOKIE" } }),
    code: "invalid",
    text: "cookie_name can not be blank",
  },
  {
    name: "a cookie name with SOURCE_IP",
    body: pool({ session_persistence: { type: "SOURCE_IP", cookie_name: "a" } }),
    code: "invalid",
    text: "cookie_name can not be specified",
  },
  {
    name: "a cookie name with a line break",
    body: pool({ session_persistence: { type: "APP_COOKIE", cookie_name: "a\nb" } }),
    code: "invalid",
    text: "HTTP token",
  },
  {
    name: "a persistence timeout",
    body: pool({ session_persistence: { type: "SOURCE_IP", persistence_timeout: 5 } }),
    code: "invalid",
    text: "only for UDP",
  },
  { name: "TLS to members", body: pool({ tls_enabled: true }), code: "unsupported", text: "tls_enabled" },
]);
refusals("pool update", (api, ids, body) => updatePool(api, ids.pool, body), [
  { name: "the protocol", body: { protocol: "TCP" }, code: "invalid", text: "Unknown attribute: protocol" },
  { name: "no algorithm", body: { lb_algorithm: null }, code: "invalid", text: "Mandatory field missing" },
  {
    name: "half a persistence where there is none",
    body: { session_persistence: { cookie_name: "a" } },
    code: "invalid",
    text: "needs a type",
  },
]);
const member = (change: object) => ({ address: "203.0.113.12", protocol_port: 80, ...change });
refusals("member create", (api, ids, body) => createMember(api, ids.pool, body), [
  { name: "no address", body: { protocol_port: 80 }, code: "invalid", text: "attribute address" },
  { name: "a host name", body: member({ address: "a.example" }), code: "invalid", text: "IPv4 or IPv6 format" },
  {
    name: "the metadata service",
    body: member({ address: "169.254.169.254" }),
    code: "invalid",
    text: "not a permitted member address",
  },
  {
    name: "the metadata service in IPv6 clothes",
    body: member({ address: "::ffff:169.254.169.254" }),
    code: "invalid",
    text: "not a permitted",
  },
  { name: "the unspecified address", body: member({ address: "0.0.0.0" }), code: "invalid", text: "one server" },
  { name: "its IPv6 kin", body: member({ address: "::" }), code: "invalid", text: "one server" },
  { name: "a multicast address", body: member({ address: "239.1.2.3" }), code: "invalid", text: "one server" },
  { name: "an IPv6 multicast address", body: member({ address: "ff02::1" }), code: "invalid", text: "one server" },
  { name: "the broadcast address", body: member({ address: "255.255.255.255" }), code: "invalid", text: "one server" },
  {
    name: "weight 257",
    body: member({ weight: 257 }),
    code: "invalid",
    text: "Invalid input for field/attribute weight. Value: '257'. Value should be lesser or equal to 256",
  },
  { name: "weight -1", body: member({ weight: -1 }), code: "invalid", text: "greater or equal to 0" },
  {
    name: "a known member",
    body: member({ address: "203.0.113.11" }),
    code: "conflict",
    text: "Another member on this pool is already using ip 203.0.113.11 on protocol_port 80",
  },
  {
    name: "a subnet of somebody else",
    body: member({ subnet_id: nobody }),
    code: "invalid",
    text: `Subnet ${nobody} not found.`,
  },
  {
    name: "the management subnet",
    body: member({ subnet_id: managementSubnetId }),
    code: "invalid",
    text: "not found",
  },
  { name: "monitor port 0", body: member({ monitor_port: 0 }), code: "invalid", text: "monitor_port" },
  { name: "SR-IOV", body: member({ request_sriov: true }), code: "unsupported", text: "request_sriov" },
]);
refusals("member of a pool that is not there", (api, _ids, body) => createMember(api, nobody, body), [
  { name: "a good one", body: member({}), code: "not-found", text: `pool ${nobody} not found.` },
]);
refusals("member update", (api, ids, body) => updateMember(api, ids.otherPool, ids.member, body), [
  { name: "one below the wrong pool", body: { weight: 2 }, code: "not-found", text: "member" },
]);
refusals("member update", (api, ids, body) => updateMember(api, ids.pool, ids.member, body), [
  { name: "the address", body: { address: "203.0.113.99" }, code: "invalid", text: "Unknown attribute: address" },
]);
refusals("members at once", (api, ids, body) => replaceMembers(api, ids.pool, body, new URLSearchParams()), [
  { name: "no list", body: {}, code: "invalid", text: "expected a list" },
  { name: "the same one twice", body: [member({}), member({})], code: "invalid", text: "given more than once" },
  {
    name: "a bad one among good ones",
    body: [member({}), member({ address: "203.0.113.13", weight: 300 })],
    code: "invalid",
    text: "weight",
  },
  {
    name: "a foreign subnet among good ones",
    body: [member({}), member({ protocol_port: 81, subnet_id: nobody })],
    code: "invalid",
    text: "Subnet",
  },
]);

refusals(
  "members at once, perhaps only adding",
  (api, ids, body) => replaceMembers(api, ids.pool, body, new URLSearchParams("additive_only=perhaps")),
  [{ name: "an empty list", body: [], code: "invalid", text: "additive_only" }],
);

const check = (change: object) => ({
  pool_id: "{otherPool}",
  type: "HTTP",
  delay: 5,
  timeout: 3,
  max_retries: 2,
  ...change,
});
refusals("health monitor create", (api, _ids, body) => createHealthMonitor(api, body), [
  {
    name: "no delay",
    body: { pool_id: "{otherPool}", type: "HTTP", timeout: 3, max_retries: 2 },
    code: "invalid",
    text: "attribute delay",
  },
  { name: "an unknown type", body: check({ type: "SMELL" }), code: "invalid", text: "attribute type" },
  { name: "a pool that is not there", body: check({ pool_id: nobody }), code: "not-found", text: "pool" },
  {
    name: "a second one",
    body: check({ pool_id: "{pool}" }),
    code: "conflict",
    text: "This pool already has a health monitor",
  },
  { name: "no retries", body: check({ max_retries: 0 }), code: "invalid", text: "greater or equal to 1" },
  { name: "eleven retries", body: check({ max_retries_down: 11 }), code: "invalid", text: "lesser or equal to 10" },
  { name: "a path without slash", body: check({ url_path: "health" }), code: "invalid", text: "URL path" },
  { name: "a path with a line break", body: check({ url_path: "/a\nb" }), code: "invalid", text: "URL path" },
  { name: "a path with a space", body: check({ url_path: "/a b" }), code: "invalid", text: "URL path" },
  { name: "codes in words", body: check({ expected_codes: "ok" }), code: "invalid", text: "expected_codes" },
  {
    name: "a path for TCP",
    body: check({ type: "TCP", url_path: "/" }),
    code: "invalid",
    text: "url_path is not a valid option for health monitors of type TCP",
  },
  { name: "HTTP 2.0", body: check({ http_version: 2 }), code: "invalid", text: "http_version" },
  {
    name: "a domain without HTTP 1.1",
    body: check({ domain_name: "a.example" }),
    code: "invalid",
    text: "http_version must be 1.1",
  },
  {
    name: "a domain with a line break",
    body: check({ http_version: 1.1, domain_name: "a\r\nX: y" }),
    code: "invalid",
    text: "host name",
  },
  {
    name: "UDP-CONNECT for HTTP",
    body: check({ type: "UDP-CONNECT" }),
    code: "invalid",
    text: "associated pool protocol is HTTP",
  },
]);
refusals("health monitor update", (api, ids, body) => updateHealthMonitor(api, ids.healthMonitor, body), [
  { name: "the type", body: { type: "TCP" }, code: "invalid", text: "Unknown attribute: type" },
  { name: "no delay", body: { delay: null }, code: "invalid", text: "Mandatory field missing" },
  {
    name: "a domain without HTTP 1.1",
    body: { domain_name: "a.example" },
    code: "invalid",
    text: "http_version must be 1.1",
  },
]);

const policy = (change: object) => ({ listener_id: "{listener}", action: "REJECT", ...change });
refusals("l7policy create", (api, _ids, body) => createL7Policy(api, body), [
  { name: "no action", body: { listener_id: nobody }, code: "invalid", text: "attribute action" },
  { name: "a listener that is not there", body: policy({ listener_id: nobody }), code: "not-found", text: "listener" },
  {
    name: "a pool that is not there",
    body: policy({ action: "REDIRECT_TO_POOL", redirect_pool_id: nobody }),
    code: "not-found",
    text: `pool ${nobody} not found.`,
  },
  {
    name: "a pool of another load balancer",
    body: policy({ action: "REDIRECT_TO_POOL", redirect_pool_id: "{otherPool}" }),
    code: "not-found",
    text: "not found",
  },
  {
    name: "no pool to redirect to",
    body: policy({ action: "REDIRECT_TO_POOL" }),
    code: "invalid",
    text: "Action REDIRECT_TO_POOL needs redirect_pool_id",
  },
  {
    name: "no URL to redirect to",
    body: policy({ action: "REDIRECT_TO_URL" }),
    code: "invalid",
    text: "needs redirect_url",
  },
  {
    name: "a URL that is none",
    body: policy({ action: "REDIRECT_TO_URL", redirect_url: "example" }),
    code: "invalid",
    text: "http:// or https://",
  },
  {
    name: "a URL of another kind",
    body: policy({ action: "REDIRECT_TO_URL", redirect_url: "javascript:alert(1)" }),
    code: "invalid",
    text: "http:// or https://",
  },
  {
    name: "a URL with a line break",
    body: policy({ action: "REDIRECT_TO_URL", redirect_url: "http://a/\nb" }),
    code: "invalid",
    text: "http:// or https://",
  },
  {
    name: "a stray target",
    body: policy({ redirect_url: "http://a/" }),
    code: "invalid",
    text: "redirect_url does not go with action REJECT",
  },
  {
    name: "status 200",
    body: policy({ action: "REDIRECT_TO_URL", redirect_url: "http://a/", redirect_http_code: 200 }),
    code: "invalid",
    text: "redirect_http_code",
  },
  { name: "position 0", body: policy({ position: 0 }), code: "invalid", text: "greater or equal to 1" },
]);

const rule = (change: object) => ({ type: "PATH", compare_type: "EQUAL_TO", value: "/x", ...change });
refusals("l7rule create", (api, ids, body) => createL7Rule(api, ids.policy, body), [
  { name: "no value", body: { type: "PATH", compare_type: "EQUAL_TO" }, code: "invalid", text: "attribute value" },
  { name: "an empty value", body: rule({ value: "" }), code: "invalid", text: "minimum character" },
  {
    name: "a value with a line break",
    body: rule({ value: "/x\r\n  use_backend evil" }),
    code: "invalid",
    text: "control characters",
  },
  {
    name: "a header without a name",
    body: rule({ type: "HEADER" }),
    code: "invalid",
    text: "a HEADER rule needs a key",
  },
  {
    name: "a header name with a space",
    body: rule({ type: "HEADER", key: "X Y" }),
    code: "invalid",
    text: "HTTP token",
  },
  { name: "a path with a key", body: rule({ key: "X" }), code: "invalid", text: "a PATH rule has no key" },
  {
    name: "a file type that starts with",
    body: rule({ type: "FILE_TYPE", compare_type: "STARTS_WITH" }),
    code: "invalid",
    text: "FILE_TYPE",
  },
  {
    name: "a pattern that is none",
    body: rule({ compare_type: "REGEX", value: "(a" }),
    code: "invalid",
    text: "not a regular expression",
  },
  { name: "a name, which rules have not", body: rule({ name: "x" }), code: "invalid", text: "Unknown attribute: name" },
]);
refusals("l7rule update", (api, ids, body) => updateL7Rule(api, ids.policy, ids.rule, body), [
  { name: "a type that needs a key", body: { type: "COOKIE" }, code: "invalid", text: "a COOKIE rule needs a key" },
]);

test("a 51st rule of a policy is refused as conflict", async () => {
  const { api, ids } = await seededApi();
  for (let n = 1; n < 50; n++) {
    await createL7Rule(api, ids.policy, rule({ value: `/${n}` }));
    await api.apply();
  }
  const refused = createL7Rule(api, ids.policy, rule({}));
  await expect(refused).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("most rules") });
});

test("a pool that a policy redirects to is not deleted", async () => {
  const { api, ids } = await seededApi();
  await updateL7Policy(api, ids.policy, { redirect_pool_id: ids.pool });
  await api.apply();
  const refused = deletePool(api, ids.pool);
  const message = `Pool ${ids.pool} is in use by L7 policy ${ids.policy}`;
  await expect(refused).rejects.toMatchObject({ code: "conflict", message });
});

test("an L7 policy of a TCP listener is refused: nobody there reads HTTP", async () => {
  const { api, ids } = await seededApi();
  const tcp = { loadbalancer_id: ids.loadBalancer, protocol: "TCP", protocol_port: 5432 };
  const { listener } = (await createListener(api, tcp)) as { listener: { id: string } };
  await api.apply();
  const refused = createL7Policy(api, { listener_id: listener.id, action: "REJECT" });
  await expect(refused).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("not TCP") });
});

test.for([
  { kind: "unsupported", code: "unsupported", text: "Provider 'krater' does not support a requested option: no" },
  { kind: "out-of-resources", code: "out-of-resources", text: "Provider 'krater' reports error: no" },
  { kind: "other", code: "driver-failed", text: "Provider 'krater' reports error: no" },
] as const)("a driver that says $kind is $code, and nothing is stored", async ({ kind, code, text }) => {
  const { api, ids } = await seededApi();
  const before = await everything(api);
  api.amphoraRefuses = new DriverError(kind, "no");
  const refused = updateListener(api, ids.listener, { name: "x" });
  await expect(refused).rejects.toMatchObject({ code, message: text });
  api.amphoraRefuses = undefined;
  api.computeRefuses = new DriverError(kind, "no");
  await expect(createLoadBalancer(api, lb({}))).rejects.toMatchObject({ code, message: text });
  expect(await everything(api)).toEqual(before);
});

test("a driver that breaks is an error of ours, and nothing is stored", async () => {
  const { api, ids } = await seededApi();
  const before = await everything(api);
  api.amphoraRefuses = new TypeError("undefined is not a function");
  await expect(updateListener(api, ids.listener, { name: "x" })).rejects.toThrow(TypeError);
  expect(await everything(api)).toEqual(before);
});

test("when all addresses are given out the API says so", async () => {
  const { api } = await seededApi();
  const create = () => createLoadBalancer(api, lb({}));
  for (let n = 0; n < 251; n++) await create();
  const refused = create();
  await expect(refused).rejects.toMatchObject({ code: "out-of-resources" });
  await expect(refused).rejects.toThrow("No more IP addresses available on subnet test-vip-subnet");
});
