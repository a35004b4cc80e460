/** The networks this shim owns on the machine; listed by `GET /v2.0/networks` and `/v2.0/subnets`. */
export interface ShimNetwork {
  /** Stable UUID, derived from instance and name. */
  id: string;
  name: string;
  role: "management" | "vip" | "member";
  subnet: {
    id: string;
    name: string;
    cidr: string;
    /** Held by the machine itself (the bridge): amphorae and members route through it. */
    gateway: string;
  };
}
