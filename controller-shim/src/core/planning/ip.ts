/** IPv4 and IPv6 addresses as numbers: core has no `node:net`, and needs arithmetic that offers none. */
export interface Ip {
  version: 4 | 6;
  value: bigint;
}

export interface Cidr {
  version: 4 | 6;
  /** First address of the block. */
  base: bigint;
  prefixLength: number;
}

const BITS = { 4: 32, 6: 128 } as const;

export function parseIp(text: string): Ip | undefined {
  const value = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  if (value === undefined) return undefined;
  return { version: text.includes(":") ? 6 : 4, value };
}

/** A block with no host bits set, as Python's `ip_network` wants it; a bare address is a block of one. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const ip = parseIp(address);
  if (!ip || rest.length > 0) return undefined;
  const bits = BITS[ip.version];
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) return undefined;
  const hostBits = BigInt(bits - prefixLength);
  if ((ip.value >> hostBits) << hostBits !== ip.value) return undefined;
  return { version: ip.version, base: ip.value, prefixLength };
}

export function sizeOf(cidr: Cidr): bigint {
  return 1n << BigInt(BITS[cidr.version] - cidr.prefixLength);
}

export function contains(cidr: Cidr, ip: Ip): boolean {
  return ip.version === cidr.version && ip.value >= cidr.base && ip.value < cidr.base + sizeOf(cidr);
}

/** IPv6 as RFC 5952 wants it: lower case, the longest run of zeros shortened. */
export function formatIp(ip: Ip): string {
  if (ip.version === 4) return [24n, 16n, 8n, 0n].map((shift) => (ip.value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, n) => Number((ip.value >> BigInt(112 - 16 * n)) & 0xffffn));
  const zeros = longestZeros(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return text(groups);
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  // No leading zeros: some read them as octal (CVE-2021-29921).
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const [head = "", tail, ...rest] = text.split("::");
  if (rest.length > 0) return undefined;
  const left = groupsOf(head, tail === undefined);
  const right = tail === undefined ? [] : groupsOf(tail, true);
  if (!left || !right) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right].reduce(
    (value, group) => value * 65_536n + BigInt(group),
    0n,
  );
}

/** `mayEndInIpv4`: `::ffff:192.0.2.1` is two groups more. */
function groupsOf(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes(".")) {
      const value = parseIpv4(part);
      if (value === undefined) return undefined;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeros(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
