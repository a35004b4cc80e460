import { type Created, mandatory, optional } from "../fields.ts";
import { hostName, integer, oneOf, statusCodes, urlPath, uuid } from "../values.ts";
import { common, ignoredProject } from "./common.ts";

const types = ["HTTP", "HTTPS", "PING", "SCTP", "TCP", "TLS-HELLO", "UDP-CONNECT"] as const;
const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"] as const;
const seconds = integer(0, 2_147_483_647);

export const healthMonitorInTree = {
  ...common,
  ...ignoredProject,
  type: mandatory("How to check", oneOf(types)),
  delay: mandatory("Seconds between checks", seconds, { update: true }),
  timeout: mandatory("Seconds a check may take", seconds, { update: true }),
  max_retries: mandatory("Successes until ONLINE", integer(1, 10), { update: true }),
  max_retries_down: optional("Failures until ERROR", integer(1, 10), { update: true, default: 3 }),
  http_method: optional("Method of the request", oneOf(methods), { update: true, default: null }),
  url_path: optional("Path of the request", urlPath, { update: true, default: null }),
  expected_codes: optional("Statuses that mean healthy", statusCodes, { update: true, default: null }),
  http_version: optional("HTTP version of the request", oneOf([1, 1.1]), { update: true, default: null }),
  domain_name: optional("Host header of the request", hostName, { update: true, default: null }),
};

export const healthMonitorFields = { ...healthMonitorInTree, pool_id: mandatory("Its pool", uuid) };
export type HealthMonitorBody = Created<typeof healthMonitorInTree>;
