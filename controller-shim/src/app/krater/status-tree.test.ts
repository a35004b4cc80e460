import { expect, test } from "vitest";
import type { AmphoraStatus, LoadBalancerStatus } from "../../core/api/shim-status.ts";
import { paintFor } from "./paint.ts";
import { renderStatusTree } from "./status-tree.ts";

const well = { admin_state_up: true, provisioning_status: "ACTIVE", operating_status: "ONLINE" } as const;
const amphora: AmphoraStatus = {
  id: "am-1",
  load_balancer_id: "lb-1",
  role: "STANDALONE",
  status: "ALLOCATED",
  generation: 1,
  applied_revision: 1,
  lb_network_ip: "198.18.0.10",
  vrrp_ip: "198.18.1.11",
  ha_ip: "198.18.1.10",
  cert_expiration: "2026-12-20T11:22:11",
};
const member = { ...well, protocol_port: 8080, subnet_id: null };
const example: LoadBalancerStatus = {
  ...well,
  id: "lb-1",
  name: "web",
  vip_address: "198.18.1.10",
  provider: "krater",
  wanted_revision: 1,
  applied_revision: 1,
  wanted_amphora_generation: 1,
  deleting: false,
  attempts: 0,
  error: null,
  listeners: [
    {
      ...well,
      id: "li-1",
      name: "http",
      protocol: "HTTP",
      protocol_port: 80,
      default_pool_id: "po-1",
      statistics: { bytes_in: 0, bytes_out: 0, active_connections: 1, total_connections: 20, request_errors: 0 },
    },
  ],
  pools: [
    {
      ...well,
      id: "po-1",
      name: "",
      protocol: "HTTP",
      lb_algorithm: "ROUND_ROBIN",
      health_monitor: { ...well, id: "mo-1", name: "", type: "HTTP" },
      members: [
        { ...member, id: "me-1", name: "m1", address: "198.18.2.11", weight: 1, backup: false },
        { ...member, id: "me-2", name: "m2", address: "198.18.2.12", weight: 0, backup: true },
      ],
    },
    {
      ...well,
      id: "po-2",
      name: "spare",
      protocol: "HTTP",
      lb_algorithm: "SOURCE_IP",
      health_monitor: null,
      members: [],
    },
  ],
  amphorae: [amphora],
};
const plain = paintFor({ isTTY: false }, {});
const show = (loadBalancer: LoadBalancerStatus) =>
  renderStatusTree({ load_balancers: [loadBalancer], stray_amphorae: [] }, plain);

test("everything hangs where it belongs; what has no name shows its id", () => {
  expect(show(example).join("\n")).toBe(`load balancer web  VIP 198.18.1.10  ACTIVE ONLINE
├─ listener http  HTTP:80  ACTIVE ONLINE  1 open, 20 connections, 0 errors
│  └─ pool po-1  HTTP ROUND_ROBIN  ACTIVE ONLINE
│     ├─ monitor  HTTP  ACTIVE ONLINE
│     ├─ member m1  198.18.2.11:8080  weight 1  ACTIVE ONLINE
│     └─ member m2  198.18.2.12:8080  weight 0 backup  ACTIVE ONLINE
├─ pool spare  HTTP SOURCE_IP  ACTIVE ONLINE
└─ amphora am-1  STANDALONE  198.18.0.10  ALLOCATED`);
});

test("an error is told with its reason", () => {
  const [, second] = show({ ...example, provisioning_status: "ERROR", error: "no amphora can be had" });
  expect(second).toBe("├─ ERROR: no amphora can be had");
});

test("amphorae of no load balancer are told", () => {
  const stray_amphorae = [{ ...amphora, id: "am-9", status: "ERROR" }];
  expect(renderStatusTree({ load_balancers: [], stray_amphorae }, plain)).toEqual([
    "no load balancers",
    "stray amphora am-9  ERROR",
  ]);
});

test("a name cannot steer the terminal", () => {
  expect(show({ ...example, name: "a\u001b[2Jb\nc" })[0]).toContain("load balancer a?[2Jb?c  VIP");
});

test.for([
  { name: "a pipe", stream: { isTTY: false }, environment: {}, colours: false },
  { name: "a terminal", stream: { isTTY: true }, environment: {}, colours: true },
  { name: "a terminal with NO_COLOR", stream: { isTTY: true }, environment: { NO_COLOR: "1" }, colours: false },
])("colours on $name: $colours", ({ stream, environment, colours }) => {
  const lines = renderStatusTree({ load_balancers: [example], stray_amphorae: [] }, paintFor(stream, environment));
  expect(lines.join("").includes("\u001b[")).toBe(colours);
});
