/**
 * What the image sets with sysctl, as far as it belongs to a network namespace (a file below /proc/sys, its value).
 * Set before `lo` comes up, so that a namespace whose `lo` is up has them.
 */
export const kernelSettings: Readonly<Record<string, string>> = {
  "net/ipv4/ip_nonlocal_bind": "1", // haproxy binds a VIP that another amphora holds
  "net/ipv6/ip_nonlocal_bind": "1",
  "net/ipv4/ip_local_port_range": "1025 65534",
  "net/ipv4/ping_group_range": "0 2147483647",
  "net/ipv4/tcp_tw_reuse": "1",
  "net/ipv4/tcp_fin_timeout": "5",
  "net/ipv4/tcp_mtu_probing": "1",
  "net/ipv4/tcp_max_syn_backlog": "65534",
  "net/core/somaxconn": "65534",
  // A link that comes up, or is given its own MAC address again, announces its addresses.
  "net/ipv4/conf/all/arp_notify": "1",
  "net/ipv6/conf/all/ndisc_notify": "1",
  "net/ipv6/conf/all/accept_ra": "0",
  "net/ipv6/conf/default/accept_ra": "0",
};
