import { type Created, mandatory, optional } from "../fields.ts";
import { boolean, integer, memberAddress, oneOf, port, uuid } from "../values.ts";
import { common, ignoredProject } from "./common.ts";

export const memberFields = {
  ...common,
  ...ignoredProject,
  address: mandatory("Address of the server", memberAddress),
  protocol_port: mandatory("Port of the server", port),
  weight: optional("Share of the traffic; 0 drains", integer(0, 256), { update: true, default: 1 }),
  backup: optional("Used only when the others are down", boolean, { update: true, default: false }),
  subnet_id: optional("Subnet the server is on", uuid, { default: null }),
  monitor_address: optional("Where to check instead", memberAddress, { update: true, default: null }),
  monitor_port: optional("Port to check instead", port, { update: true, default: null }),
  request_sriov: optional("Not supported", boolean, { default: false, unsupported: true }),
  vnic_type: optional("Not supported", oneOf(["normal", "direct"]), { default: "normal", unsupported: true }),
};

export type MemberBody = Created<typeof memberFields>;
