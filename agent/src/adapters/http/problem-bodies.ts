import type { ProblemCode, ProblemDocument } from "../../contract/problem.ts";
import type { FrameworkError, MessageBody } from "../../contract/rest.ts";
import type { AgentError } from "../../core/agent-error.ts";

/**
 * The one table from codes to statuses. Stock Octavia reads every status but these as success, and retries none of
 * them: 400, 401, 403, 404, 405, 409, 500, 503.
 */
export const statusOf = {
  "bad-request": 400,
  "body-too-large": 400,
  "unknown-action": 400,
  "bad-certificate-name": 400,
  "bad-identifier": 400,
  "config-invalid": 400,
  forbidden: 403,
  "route-not-found": 404,
  "load-balancer-not-found": 404,
  "certificate-not-found": 404,
  "method-not-allowed": 405,
  "action-failed": 500,
  "enable-failed": 500,
  "agent-config-failed": 500,
  "storage-failed": 500,
  "haproxy-missing": 500,
  internal: 500,
  busy: 503,
} as const satisfies Record<ProblemCode, number>;

/** What the request was about, as far as its route has found out: some of Octavia's texts name it. */
export interface Subject {
  loadBalancerId?: string;
  certificateName?: string;
  action?: string;
}

type OctaviaBody = (error: AgentError, subject: Subject) => MessageBody | FrameworkError;

const notFound =
  "The requested URL was not found on the server. " +
  "If you entered the URL manually please check your spelling and try again.";
const internal =
  "The server encountered an internal error and was unable to complete your request. " +
  "Either the server is overloaded or there is an error in the application.";
const forbidden =
  "You don't have the permission to access the requested resource. " +
  "It is either read-protected or not readable by the server.";

/** The exact bodies of `/1.0`: two shapes, and spellings ("stoping") that are the original's own. */
const octaviaBodies = {
  "bad-request": (error) => badRequest(error.message),
  "body-too-large": (error) => badRequest(error.message),
  "bad-identifier": (error) => badRequest(error.message),
  "unknown-action": (_error, { action }) => ({
    message: "Invalid Request",
    details: `Unknown action: ${action ?? ""}`,
  }),
  "bad-certificate-name": () => ({ message: "Filename has wrong format" }),
  "config-invalid": (error) => ({ message: "Invalid request", details: error.details ?? error.message }),
  forbidden: () => framework("403 Forbidden", forbidden),
  "route-not-found": () => framework("404 Not Found", notFound),
  "load-balancer-not-found": (_error, { loadBalancerId }) => ({
    message: "Loadbalancer Not Found",
    details: `No loadbalancer with UUID: ${loadBalancerId ?? ""}`,
  }),
  "certificate-not-found": (_error, { certificateName }) => ({
    message: "Certificate Not Found",
    details: `No certificate with filename: ${certificateName ?? ""}`,
  }),
  "method-not-allowed": () => methodNotAllowed(),
  "action-failed": (error, { action }) => ({
    message: actionFailed(error.message, action),
    details: error.details ?? error.message,
  }),
  "enable-failed": (error) => ({
    message: "Error enabling octavia-keepalived service",
    details: error.details ?? error.message,
  }),
  "agent-config-failed": (error) => ({
    message: "Unable to update amphora-agent configuration.",
    details: error.details ?? error.message,
  }),
  "storage-failed": (error) => framework("500 Internal Server Error", error.message),
  "haproxy-missing": (error) => framework("500 Internal Server Error", error.message),
  internal: () => framework("500 Internal Server Error", internal),
  busy: (error) => framework("503 Service Unavailable", error.message),
} as const satisfies Record<ProblemCode, OctaviaBody>;

export function octaviaBody(error: AgentError, subject: Subject): MessageBody | FrameworkError {
  return (octaviaBodies[error.code] as OctaviaBody)(error, subject);
}

/** RFC 9457, for everything below `/krater/v1`. What went wrong inside the agent is in its log, not in the answer. */
export function problemDocument(error: AgentError, path: string): ProblemDocument {
  return {
    type: `urn:krater:problem:${error.code}`,
    title: error.code.replaceAll("-", " "),
    status: statusOf[error.code],
    detail: error.code === "internal" ? internal : [error.message, error.details].filter(Boolean).join(": "),
    instance: path,
  };
}

/** A reload of what does not run is a start, and fails as one: then the error names the action already. */
function actionFailed(message: string, action: string | undefined): string {
  if (/^Error (?:start|reload)ing haproxy$/.test(message)) return message;
  return action === "delete" ? "Error stopping haproxy" : `Error ${action ?? "reload"}ing haproxy`;
}

export function badRequest(description: string): FrameworkError {
  return framework("400 Bad Request", description);
}

export function methodNotAllowed(): FrameworkError {
  return framework("405 Method Not Allowed", "The method is not allowed for the requested URL.");
}

/** What the original's web framework says by itself. */
function framework(status: string, description: string): FrameworkError {
  return { error: `${status}: ${description}`, http_code: Number(status.slice(0, 3)) };
}
