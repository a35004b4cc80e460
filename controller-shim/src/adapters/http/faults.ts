import { ApiFault, type FaultCode } from "../../core/api/fault.ts";

/** One table turns codes into statuses; gophercloud and the CLI look at them one by one. */
const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "not-acceptable": 406,
  conflict: 409,
  "too-large": 413,
  "driver-failed": 500,
  unsupported: 501,
  "out-of-resources": 503,
} as const satisfies Record<FaultCode, number>;

/** The body clients print: nothing but `faultstring` reaches the user. */
export function faultBody(status: number, text: string) {
  return { faultcode: status < 500 ? "Client" : "Server", faultstring: text, debuginfo: null };
}

/** What the client may know. An error that is no fault stays in the log, found by the request id. */
export function faultOf(error: unknown, requestId: string): { status: number; text: string; expected: boolean } {
  if (error instanceof ApiFault) return { status: statusOf[error.code], text: error.message, expected: true };
  return { status: 500, text: `Internal error; the shim's log says more about ${requestId}.`, expected: false };
}
