import { nested, optional } from "../fields.ts";
import { BadValue, ipAddress, type Kind, listOf, oneOf, text, uuid } from "../values.ts";
import { common, description } from "./common.ts";
import { listenerInTree } from "./listener.ts";
import { poolInTree } from "./pool.ts";

const anyObject: Kind<object> = (raw) => {
  if (typeof raw !== "object" || raw === null) throw new BadValue("Wrong type. Expected an object");
  return raw;
};

export const loadBalancerFields = {
  ...common,
  description,
  project_id: optional("Owner", text(36), { default: null }),
  tenant_id: optional("Older word for project_id", text(36), { default: null }),
  vip_address: optional("Address clients use; chosen if not given", ipAddress, { default: null }),
  vip_subnet_id: optional("Subnet of the VIP", uuid, { default: null }),
  vip_network_id: optional("Network of the VIP", uuid, { default: null }),
  vip_port_id: optional("Port of the VIP", uuid, { default: null }),
  vip_qos_policy_id: optional("Not supported", uuid, { update: true, default: null, unsupported: true }),
  additional_vips: optional("Not supported", listOf(anyObject), { default: [], unsupported: true }),
  vip_sg_ids: optional("Not supported", listOf(uuid), { update: true, default: [], unsupported: true }),
  vip_vnic_type: optional("Not supported", oneOf(["normal", "direct"]), { default: "normal", unsupported: true }),
  provider: optional("Name of the provider", text(255, 1), { default: null }),
  flavor_id: optional("Flavor", uuid, { default: null }),
  availability_zone: optional("Availability zone", text(255), { default: null }),
  listeners: optional("Listeners created with it", listOf(nested(() => listenerInTree)), { default: [] }),
  pools: optional("Pools created with it", listOf(nested(() => poolInTree)), { default: [] }),
};
