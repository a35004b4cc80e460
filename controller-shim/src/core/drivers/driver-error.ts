/**
 * The three ways a driver says no. `unsupported`: never possible here (501); `out-of-resources`: not now (503);
 * `other`: it failed (500). The message is written for the API's user and reaches them.
 */
export class DriverError extends Error {
  readonly kind: "unsupported" | "out-of-resources" | "other";

  constructor(kind: DriverError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DriverError";
    this.kind = kind;
  }
}
