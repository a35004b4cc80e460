/** Why a call is refused. Which HTTP status that is, the HTTP adapter knows. */
export type FaultCode =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "method-not-allowed"
  | "not-acceptable"
  | "conflict"
  | "too-large"
  | "driver-failed"
  | "unsupported"
  | "out-of-resources";

/** A refused call; the message is the `faultstring` people read. Texts are Octavia's own where it has one. */
export class ApiFault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ApiFault";
    this.code = code;
  }
}

export const invalid = (detail: string) => new ApiFault("invalid", `Validation failure: ${detail}`);
export const notFound = (resource: string, id: string) => new ApiFault("not-found", `${resource} ${id} not found.`);
export const conflict = (message: string) => new ApiFault("conflict", message);
export const unsupported = (detail: string, options?: ErrorOptions) =>
  new ApiFault("unsupported", `Provider 'krater' does not support a requested option: ${detail}`, options);
export const missingField = (name: string, meaning: string) =>
  new ApiFault(
    "invalid",
    `Invalid input for field/attribute ${name}. Value: 'None'. Mandatory field missing. (${name}: ${meaning}.)`,
  );
