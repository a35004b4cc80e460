import * as z from "zod/mini";
import {
  agentStatus,
  amphoraDetails,
  amphoraInfo,
  certificateDigest,
  eventData,
  eventGone,
  frameworkError,
  listenerSummaries,
  messageBody,
  problemDocument,
  versionDiscovery,
} from "../contract/index.ts";
import { VERSION } from "./config.ts";

/** Bodies by the name they have in the document. */
const schemas = {
  VersionDiscovery: versionDiscovery,
  AmphoraInfo: amphoraInfo,
  AmphoraDetails: amphoraDetails,
  Listeners: listenerSummaries,
  CertificateDigest: certificateDigest,
  Message: messageBody,
  FrameworkError: frameworkError,
  AgentStatus: agentStatus,
  EventData: eventData,
  EventGone: eventGone,
  Problem: problemDocument,
};
type SchemaName = keyof typeof schemas;

interface Operation {
  method: "get" | "put" | "delete";
  path: string;
  summary: string;
  body?: { type: string; limit: string };
  success: { status: 200 | 202; type?: string; schema?: SchemaName; etag?: boolean };
  /** Statuses beside those every route of its API may give. */
  errors?: number[];
}

const certificate = "/1.0/loadbalancer/{lb}/certificates/{file}";
const anything = "application/octet-stream";

const operations: Operation[] = [
  { method: "get", path: "/", summary: "Version discovery", success: { status: 200, schema: "VersionDiscovery" } },
  { method: "get", path: "/1.0/info", summary: "Versions", success: { status: 200, schema: "AmphoraInfo" } },
  {
    method: "get",
    path: "/1.0/details",
    summary: "Versions and resources",
    success: { status: 200, schema: "AmphoraDetails" },
  },
  { method: "get", path: "/1.0/listeners", summary: "Listeners", success: { status: 200, schema: "Listeners" } },
  {
    method: "delete",
    path: "/1.0/listeners/{id}",
    summary: "Stop and remove a load balancer; unknown ids are fine",
    success: { status: 200, schema: "Message" },
  },
  {
    method: "put",
    path: "/1.0/loadbalancer/{amp}/{lb}/haproxy",
    summary: "Store a configuration haproxy accepts; applies nothing",
    body: { type: anything, limit: "8 MiB" },
    success: { status: 202, schema: "Message", etag: true },
  },
  {
    method: "get",
    path: "/1.0/loadbalancer/{lb}/haproxy",
    summary: "The stored configuration",
    success: { status: 200, type: "text/plain", etag: true },
    errors: [404],
  },
  {
    method: "put",
    path: "/1.0/loadbalancer/{id}/{action}",
    summary: "start, stop or reload",
    success: { status: 202, schema: "Message" },
    errors: [404],
  },
  {
    method: "put",
    path: certificate,
    summary: "Store a PEM file",
    body: { type: anything, limit: "1 MiB" },
    success: { status: 200, schema: "Message", etag: true },
  },
  {
    method: "get",
    path: certificate,
    summary: "md5 of a stored PEM file",
    success: { status: 200, schema: "CertificateDigest", etag: true },
    errors: [404],
  },
  { method: "delete", path: certificate, summary: "Remove a PEM file", success: { status: 200, schema: "Message" } },
  {
    method: "put",
    path: "/1.0/certificate",
    summary: "Replace the agent's server certificate and key, in force for the next connection",
    body: { type: anything, limit: "1 MiB" },
    success: { status: 202, schema: "Message" },
  },
  {
    method: "put",
    path: "/1.0/config",
    summary: "Replace amphora-agent.conf and take over what may change while running",
    body: { type: anything, limit: "1 MiB" },
    success: { status: 202, schema: "Message" },
  },
  {
    method: "get",
    path: "/krater/v1/status",
    summary: "What runs now",
    success: { status: 200, schema: "AgentStatus" },
  },
  {
    method: "get",
    path: "/krater/v1/metrics",
    summary: "Prometheus text format 0.0.4",
    success: { status: 200, type: "text/plain" },
  },
  {
    method: "get",
    path: "/krater/v1/events",
    summary:
      "Server-sent events, resumable by Last-Event-ID or ?since=. Each is named after what happened, its data is an " +
      "EventData; an `event-gone` (EventGone) says that events are no longer kept",
    success: { status: 200, type: "text/event-stream" },
  },
  {
    method: "get",
    path: "/krater/v1/openapi.json",
    summary: "This document",
    success: { status: 200, type: "application/json" },
  },
];

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12: what zod prints fits in as it is. */
export function openapiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "krater agent",
      version: VERSION,
      description:
        "HTTPS with a client certificate. `/1.0` is Octavia's amphora API; `/krater/v1` is ours and needs a role, " +
        "the URI SAN `urn:krater:role:<role>` of the certificate.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, jsonSchema(schema)])),
    },
  };
}

function describe({ method, path, summary, body, success, errors = [] }: Operation): object {
  const ours = path.startsWith("/krater/");
  const statuses = [...new Set([400, 403, ...errors, 500, 503])].toSorted((one, other) => one - other);
  const failure = ours
    ? { "application/problem+json": { schema: reference("Problem") } }
    : { "application/json": { schema: { anyOf: [reference("Message"), reference("FrameworkError")] } } };
  const content = success.schema
    ? { "application/json": { schema: reference(success.schema) } }
    : { [success.type ?? "text/plain"]: {} };
  return {
    summary,
    operationId: `${method}${path.replaceAll(/[/{}.]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`,
    parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...(body
      ? { requestBody: { required: true, description: `At most ${body.limit}.`, content: { [body.type]: {} } } }
      : {}),
    responses: {
      [success.status]: {
        description: "Done",
        ...(success.etag
          ? { headers: { ETag: { description: "md5 in hex, without quotes", schema: { type: "string" } } } }
          : {}),
        content,
      },
      ...Object.fromEntries(statuses.map((status) => [status, { description: "Refused or failed", content: failure }])),
    },
  };
}

function reference(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` };
}

function jsonSchema(schema: z.core.$ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema);
  return rest;
}
