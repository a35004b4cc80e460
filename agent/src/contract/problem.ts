import * as z from "zod/mini";

/**
 * What can go wrong, by name. The core throws codes, `adapters/http` turns them into statuses and bodies: a code
 * without a row there does not compile.
 */
export const problemCode = z.enum([
  "bad-request", // the request itself cannot be understood: not JSON, a key missing, a broken frame
  "body-too-large",
  "unknown-action",
  "bad-certificate-name",
  "bad-identifier", // an id with path tricks or of absurd length
  "config-invalid", // haproxy refused the configuration; details carry haproxy's own words
  "forbidden", // the role of the certificate does not fit the route
  "route-not-found",
  "method-not-allowed",
  "load-balancer-not-found",
  "certificate-not-found",
  "action-failed", // start, stop or reload did not succeed; details carry the program's words
  "enable-failed",
  "agent-config-failed", // PUT /1.0/config: the new configuration could not be taken over
  "storage-failed", // disk full, read-only, I/O error
  "haproxy-missing",
  "busy", // a bounded queue is full or a lock was not free before its deadline
  "internal",
]);
export type ProblemCode = z.infer<typeof problemCode>;

/** RFC 9457 problem document, the body of every error below `/krater/v1`. */
export const problemDocument = z.object({
  type: z.string(), // urn:krater:problem:<code>
  title: z.string(),
  status: z.int(),
  detail: z.optional(z.string()),
  instance: z.optional(z.string()),
});
export type ProblemDocument = z.infer<typeof problemDocument>;
