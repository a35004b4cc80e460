import { expect, test } from "vitest";
import { AgentCallFailed, type AgentClient } from "../../../core/drivers/agent-client.ts";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import type { LoadBalancerTree } from "../../../core/store/load-balancer-tree.ts";
import {
  listenerOf,
  memberOf,
  monitorOf,
  policyOf,
  poolOf,
  readableId,
  ruleOf,
  treeOf,
} from "../../../testing/example-trees.ts";
import { HaproxyDriver } from "./haproxy-driver.ts";

class RecordingAgent implements AgentClient {
  calls: string[] = [];
  stored: string | undefined;
  refusal: AgentCallFailed | undefined;

  async info() {
    return { haproxyVersion: "2.6.12-1+deb12u4" };
  }

  async readConfiguration() {
    return this.stored;
  }

  async uploadConfiguration(_amphora: unknown, _id: string, text: string) {
    this.calls.push("upload");
    if (this.refusal) throw this.refusal;
    this.stored = text;
  }

  async act(_amphora: unknown, _id: string, action: string) {
    this.calls.push(action);
    if (this.refusal) throw this.refusal;
  }

  async replaceCertificate() {
    this.calls.push("certificate");
  }

  async deleteLoadBalancer() {
    this.calls.push("delete");
    this.stored = undefined;
  }
}

const options = { basePath: "/var/lib/octavia", connectionLogging: true, templateFolder: undefined };
const amphora = { amphoraId: readableId("a3", 1), address: "192.0.2.2", port: 9443 };
const never = new AbortController().signal;
const cookie = { cookie_name: null, persistence_timeout: null, persistence_granularity: null };

function listener(change: Parameters<typeof listenerOf>[1], policies?: Parameters<typeof listenerOf>[2]) {
  return treeOf([listenerOf(1, change, policies)], [poolOf(1)]);
}
function pool(change: Parameters<typeof poolOf>[1], monitor?: Parameters<typeof monitorOf>[0]) {
  return treeOf([listenerOf(1)], [poolOf(1, change, undefined, monitor && monitorOf(monitor))]);
}

test.for<{ name: string; tree: LoadBalancerTree; want: string }>([
  { name: "a UDP listener", tree: listener({ protocol: "UDP" }), want: "listener protocol UDP" },
  { name: "an SCTP listener", tree: listener({ protocol: "SCTP" }), want: "listener protocol SCTP" },
  { name: "TLS termination", tree: listener({ protocol: "TERMINATED_HTTPS" }), want: "TERMINATED_HTTPS" },
  { name: "a Prometheus listener", tree: listener({ protocol: "PROMETHEUS" }), want: "PROMETHEUS" },
  { name: "a TLS header", tree: listener({ insert_headers: { "X-SSL-Client-CN": "true" } }), want: "X-SSL-Client-CN" },
  {
    name: "headers on a TCP listener",
    tree: listener({ protocol: "TCP", insert_headers: { "X-Forwarded-For": "true" } }),
    want: "insert_headers need an HTTP listener",
  },
  { name: "a TCP pool behind HTTP", tree: pool({ protocol: "TCP" }), want: "HTTP listener cannot use a TCP pool" },
  { name: "a UDP pool", tree: pool({ protocol: "UDP" }), want: "pool protocol UDP" },
  { name: "SOURCE_IP_PORT", tree: pool({ lb_algorithm: "SOURCE_IP_PORT" }), want: "SOURCE_IP_PORT" },
  {
    name: "a persistence timeout",
    tree: pool({ session_persistence: { ...cookie, type: "SOURCE_IP", persistence_timeout: 60 } }),
    want: "persistence_timeout",
  },
  { name: "a PING monitor", tree: pool({}, { type: "PING" }), want: "PING is not supported" },
  { name: "a UDP monitor", tree: pool({}, { type: "UDP-CONNECT" }), want: "UDP-CONNECT" },
  {
    name: "cookies without HTTP",
    tree: treeOf(
      [listenerOf(1, { protocol: "TCP" })],
      [poolOf(1, { protocol: "TCP", session_persistence: { ...cookie, type: "HTTP_COOKIE" } })],
    ),
    want: "HTTP_COOKIE needs HTTP",
  },
  {
    name: "L7 on a TCP listener",
    tree: listener({ protocol: "TCP" }, [policyOf({}, [ruleOf(1, {})])]),
    want: "L7 policies need an HTTP listener",
  },
  {
    name: "a rule on client certificates",
    tree: listener({}, [policyOf({}, [ruleOf(1, { type: "SSL_CONN_HAS_CERT" })])]),
    want: "SSL_CONN_HAS_CERT",
  },
  {
    name: "a rule value that cannot be written",
    tree: listener({}, [policyOf({}, [ruleOf(1, { value: "a\nb" })])]),
    want: "L7 rule value contains a control character",
  },
  {
    name: "an address with a zone",
    tree: treeOf([listenerOf(1)], [poolOf(1, {}, [memberOf(1, { address: "fe80::1%eth0" })])]),
    want: "is not an IP address",
  },
])("$name is refused in clear words, before anything is stored", ({ tree, want }) => {
  const driver = new HaproxyDriver(new RecordingAgent(), options);
  let refusal: unknown;
  try {
    driver.admit(tree);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(DriverError);
  expect(refusal).toMatchObject({ kind: "unsupported" });
  expect((refusal as DriverError).message).toContain(want);
});

test("what is being deleted does not stand in the way", () => {
  const gone = { provisioning_status: "PENDING_DELETE" } as const;
  const driver = new HaproxyDriver(new RecordingAgent(), options);
  driver.admit(treeOf([listenerOf(1), listenerOf(2, { protocol: "UDP", ...gone })], [poolOf(1)]));
});

test("apply uploads and reloads; the same again does neither", async () => {
  const agent = new RecordingAgent();
  const driver = new HaproxyDriver(agent, options);
  const tree = treeOf([listenerOf(1)], [poolOf(1)]);
  await driver.apply(amphora, tree, never);
  await driver.apply(amphora, treeOf([listenerOf(1, { name: "renamed" })], [poolOf(1)]), never);
  expect(agent.calls).toEqual(["upload", "reload"]);
  await driver.apply(amphora, treeOf([listenerOf(1)], [poolOf(1, {}, [memberOf(1)])]), never);
  expect(agent.calls).toEqual(["upload", "reload", "upload", "reload"]);
});

test("an amphora that lost its configuration gets it again", async () => {
  const agent = new RecordingAgent();
  const driver = new HaproxyDriver(agent, options);
  await driver.apply(amphora, treeOf([listenerOf(1)], [poolOf(1)]), never);
  agent.stored = undefined;
  await driver.apply(amphora, treeOf([listenerOf(1)], [poolOf(1)]), never);
  expect(agent.calls).toEqual(["upload", "reload", "upload", "reload"]);
});

test("a new process, or one whose reload failed, reloads although the upload is there already", async () => {
  const agent = new RecordingAgent();
  const tree = treeOf([listenerOf(1)], [poolOf(1)]);
  const first = new HaproxyDriver(agent, options);
  await first.apply(amphora, tree, never);
  const second = new HaproxyDriver(agent, options);
  await second.apply(amphora, tree, never);
  expect(agent.calls).toEqual(["upload", "reload", "upload", "reload"]);
  agent.refusal = new AgentCallFailed("no", 500);
  await expect(
    second.apply(amphora, treeOf([listenerOf(1, { protocol_port: 81 })], [poolOf(1)]), never),
  ).rejects.toThrow();
  agent.refusal = undefined;
  agent.calls = [];
  await second.apply(amphora, tree, never);
  expect(agent.calls).toEqual(["upload", "reload"]);
});

test("without a listener the amphora runs nothing", async () => {
  const agent = new RecordingAgent();
  const driver = new HaproxyDriver(agent, options);
  await driver.apply(amphora, treeOf([listenerOf(1, { provisioning_status: "PENDING_DELETE" })], [poolOf(1)]), never);
  expect(agent.calls).toEqual(["delete"]);
});
