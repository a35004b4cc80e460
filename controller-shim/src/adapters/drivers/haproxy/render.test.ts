import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../../test/harness/temporary-directory.ts";
import { sharedFixtures, testWithFixtures } from "../../../../../test/harness/tools.ts";
import type { LoadBalancerTree } from "../../../core/store/load-balancer-tree.ts";
import {
  largeTree,
  listenerOf,
  memberOf,
  monitorOf,
  policyOf,
  poolOf,
  readableId,
  ruleOf,
  treeOf,
} from "../../../testing/example-trees.ts";
import { HaproxyRenderer } from "./render.ts";

const renderer = new HaproxyRenderer();
const options = { basePath: "/var/lib/octavia", connectionLogging: true, haproxyVersion: "2.6.12-1+deb12u4" };
const render = (tree: LoadBalancerTree, change: Partial<typeof options> = {}) =>
  renderer.render(tree, { ...options, ...change });

/** White space means nothing to haproxy, and the order of a status code list neither. */
function meaning(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "")
    .map((line) => {
      const codes = /^http-check expect rstatus (.*)$/.exec(line)?.[1];
      return codes === undefined ? line : `http-check expect rstatus ${codes.split("|").sort().join("|")}`;
    });
}

const cookie = { cookie_name: null, persistence_timeout: null, persistence_granularity: null };

const features: { name: string; tree: () => LoadBalancerTree; change?: Partial<typeof options> }[] = [
  { name: "01-http-minimal-single", tree: () => treeOf([listenerOf(1)], [poolOf(1)]) },
  {
    name: "03-http-hm-http10-cookie",
    tree: () =>
      treeOf(
        [listenerOf(1)],
        [
          poolOf(
            1,
            { session_persistence: { ...cookie, type: "HTTP_COOKIE" } },
            undefined,
            monitorOf({ http_version: 1, expected_codes: "200-202,301" }),
          ),
        ],
      ),
  },
  {
    name: "06-tcp-hm-tcp-leastconn-backup",
    tree: () =>
      treeOf(
        [
          listenerOf(1, {
            protocol: "TCP",
            protocol_port: 5432,
            connection_limit: 1234,
            timeout_client_data: 6e4,
            timeout_member_connect: 1e3,
            timeout_member_data: 7e4,
            timeout_tcp_inspect: 200,
          }),
        ],
        [
          poolOf(
            1,
            { protocol: "TCP", lb_algorithm: "LEAST_CONNECTIONS" },
            [
              memberOf(1, { weight: 10, monitor_address: "203.0.113.121", monitor_port: 9000 }),
              memberOf(2, { weight: 0 }),
              memberOf(3, { backup: true }),
              memberOf(4, { admin_state_up: false }),
            ],
            monitorOf({ type: "TCP", http_method: null, url_path: null, expected_codes: null }),
          ),
        ],
      ),
  },
  {
    name: "08-https-passthrough-hm-https",
    tree: () =>
      treeOf(
        [listenerOf(1, { protocol: "HTTPS", protocol_port: 443 })],
        [poolOf(1, { protocol: "HTTPS" }, undefined, monitorOf({ type: "HTTPS" }))],
      ),
  },
  {
    name: "09-proxy-v1-and-v2",
    tree: () =>
      treeOf(
        [listenerOf(1, { protocol: "TCP", protocol_port: 81 }), listenerOf(2, { protocol: "HTTP", protocol_port: 82 })],
        [poolOf(1, { protocol: "PROXY" }), poolOf(2, { protocol: "PROXYV2" }, [memberOf(3)])],
      ),
  },
  {
    name: "14-l7-policies-all",
    tree: () =>
      treeOf(
        [
          listenerOf(1, {}, [
            policyOf({ action: "REDIRECT_TO_POOL", redirect_pool_id: readableId("50", 2) }, [
              ruleOf(1, { type: "PATH", compare_type: "STARTS_WITH", value: "/api" }),
            ]),
            policyOf({ action: "REDIRECT_TO_URL", redirect_url: "http://www.example.com/", redirect_http_code: 302 }, [
              ruleOf(2, { type: "HEADER", key: "X-Test", compare_type: "CONTAINS", value: "a b\\c", invert: true }),
              ruleOf(3, { type: "COOKIE", key: "sid", compare_type: "REGEX", value: "this.*|that" }),
            ]),
            policyOf({ action: "REJECT" }, [
              ruleOf(4, { type: "FILE_TYPE", compare_type: "EQUAL_TO", value: "jpg" }),
              ruleOf(5, { type: "HOST_NAME", compare_type: "ENDS_WITH", value: ".bad.org" }),
              ruleOf(9, { admin_state_up: false }),
            ]),
            policyOf({ action: "REDIRECT_PREFIX", redirect_prefix: "https://example.com", redirect_http_code: 308 }, [
              ruleOf(6, { type: "HOST_NAME", compare_type: "EQUAL_TO", value: "old.example.com" }),
            ]),
            policyOf({ action: "REJECT", admin_state_up: false }, [ruleOf(7, {})]),
            policyOf({ action: "REJECT" }, []),
            policyOf({ action: "REJECT", provisioning_status: "PENDING_DELETE" }, [ruleOf(8, {})]),
          ]),
        ],
        [poolOf(1), poolOf(2, {}, [memberOf(5)])],
      ),
  },
  {
    name: "18-lb-disabled",
    tree: () => treeOf([listenerOf(1)], [poolOf(1)], { admin_state_up: false }),
  },
  {
    name: "19-disabled-listener-and-pool",
    tree: () =>
      treeOf(
        [listenerOf(1, { admin_state_up: false }), listenerOf(2, { protocol_port: 81 })],
        [poolOf(1), poolOf(2, { admin_state_up: false })],
      ),
  },
  { name: "20-no-pool", tree: () => treeOf([listenerOf(1, { default_pool_id: null })], []) },
  {
    name: "22-insert-headers-http",
    tree: () => {
      const insert_headers = { "X-Forwarded-For": "true", "X-Forwarded-Port": "True", "X-Forwarded-Proto": "true" };
      return treeOf([listenerOf(1, { insert_headers })], [poolOf(1)]);
    },
  },
  {
    name: "23-no-connection-logging",
    tree: () => treeOf([listenerOf(1)], [poolOf(1)]),
    change: { connectionLogging: false },
  },
  {
    name: "25-empty-members",
    tree: () => treeOf([listenerOf(1)], [poolOf(1, {}, [], monitorOf())]),
  },
  {
    name: "27-conn-limit-sum-cap",
    tree: () =>
      treeOf(
        [1, 2, 3].map((n) => listenerOf(n, { protocol_port: 80 + n, connection_limit: 400_000 })),
        [1, 2, 3].map((n) => poolOf(n, {}, [])),
      ),
  },
];

testWithFixtures.for(features)("$name is what a stock renderer writes", async ({ name, tree, change }) => {
  const fixture = await readFile(join(sharedFixtures, "haproxy", `${name}.master.cfg`), "utf8");
  expect(meaning(render(tree(), change))).toEqual(meaning(fixture));
});

/** Fixtures of a pair of amphorae: the same without what only a pair needs. */
testWithFixtures.for([
  {
    name: "02-http-active-standby-peers",
    tree: () => treeOf([listenerOf(1)], [poolOf(1, { session_persistence: { ...cookie, type: "SOURCE_IP" } })]),
  },
  {
    name: "04-http-hm-http11-host-appcookie",
    tree: () =>
      treeOf(
        [listenerOf(1)],
        [
          poolOf(
            1,
            { session_persistence: { ...cookie, type: "APP_COOKIE", cookie_name: "JSESSIONID" } },
            undefined,
            monitorOf({ http_method: "HEAD", http_version: 1.1, domain_name: "www.example.com" }),
          ),
        ],
      ),
  },
])("$name, without its peers, is what a stock renderer writes", async ({ name, tree }) => {
  const fixture = await readFile(join(sharedFixtures, "haproxy", `${name}.master.cfg`), "utf8");
  const single = fixture.replace(/\npeers .*\n( {4}peer .*\n)+/, "\n").replaceAll(/ peers \S+_peers/g, "");
  expect(meaning(render(tree()))).toEqual(meaning(single));
});

testWithFixtures("07: TLS-HELLO differs on purpose, as a handshake and not a bare connection", async () => {
  const name = "07-https-passthrough-hm-tlshello-sourceip.master.cfg";
  const fixture = await readFile(join(sharedFixtures, "haproxy", name), "utf8");
  const tree = treeOf(
    [listenerOf(1, { protocol: "HTTPS", protocol_port: 443 })],
    [
      poolOf(
        1,
        { protocol: "HTTPS", lb_algorithm: "SOURCE_IP" },
        undefined,
        monitorOf({ type: "TLS-HELLO", http_method: null, url_path: null, expected_codes: null }),
      ),
    ],
  );
  expect(meaning(render(tree))).toEqual(
    meaning(fixture.replaceAll(" check inter", " check check-ssl verify none inter")),
  );
});

test("allowed_cidrs is enforced here: stock leaves it to a firewall, and there is none", () => {
  const tree = treeOf([listenerOf(1, { allowed_cidrs: ["192.0.2.0/24", "2001:db8::/32"] })], [poolOf(1)]);
  const text = render(tree);
  expect(text).toContain("        acl allowed-cidrs src 192.0.2.0/24 2001:db8::/32\n");
  expect(text).toContain("    tcp-request connection reject unless allowed-cidrs\n");
  const many = Array.from({ length: 100 }, (_, n) => `192.0.2.${n}/32`);
  const lines = render(treeOf([listenerOf(1, { allowed_cidrs: many })], [poolOf(1)])).split("\n");
  expect(lines.filter((line) => line.includes("acl allowed-cidrs src "))).toHaveLength(3);
});

test("what is being deleted is not rendered", () => {
  const gone = { provisioning_status: "PENDING_DELETE" } as const;
  const tree = treeOf(
    [listenerOf(1), listenerOf(2, { protocol_port: 81, ...gone })],
    [poolOf(1, {}, [memberOf(1), memberOf(2, gone)]), poolOf(2)],
  );
  expect(render(tree)).toEqual(render(treeOf([listenerOf(1)], [poolOf(1, {}, [memberOf(1)])])));
});

test("the name, the description and the tags of nothing are in the text", () => {
  const name = "MARK-OF-THE-USER";
  const tree = treeOf(
    [listenerOf(1, { name, description: name, tags: [name] })],
    [poolOf(1, { name, description: name }, [memberOf(1, { name })], monitorOf({ name }))],
    { name, description: name },
  );
  expect(render(tree)).not.toContain(name);
});

test("an operator's folder replaces single templates", async () => {
  const folder = join(await temporaryDirectory(), "templates");
  await mkdir(folder);
  await writeFile(join(folder, "backend.njk"), "backend {{ backend.name }}\n    # of the operator\n");
  const text = new HaproxyRenderer(folder).render(treeOf([listenerOf(1)], [poolOf(1)]), options);
  expect(text).toContain("    # of the operator\n");
  expect(text).toContain("frontend 11000001");
});

test("an operator's broken template is told when the shim starts", async () => {
  const folder = await temporaryDirectory();
  await writeFile(join(folder, "frontend.njk"), "{% if %}\n");
  expect(() => new HaproxyRenderer(folder)).toThrow(/frontend\.njk/);
});

test("an operator's template that names what is not there fails instead of leaving a hole", async () => {
  const folder = await temporaryDirectory();
  await writeFile(join(folder, "frontend.njk"), "frontend {{ frontend.nmae }}\n");
  const own = new HaproxyRenderer(folder);
  expect(() => own.render(treeOf([listenerOf(1)], [poolOf(1)]), options)).toThrow(/undefined/);
});

test("50 listeners and 1,000 members render within 15 ms", () => {
  const tree = largeTree();
  for (let n = 0; n < 20; n++) render(tree);
  const times = Array.from({ length: 15 }, () => {
    const startedMs = performance.now();
    render(tree);
    return performance.now() - startedMs;
  }).sort((a, b) => a - b);
  expect(times[7]).toBeLessThan(15);
});
