/** Haproxy configurations in the layout a stock controller renders, for any number of listeners and members. */
export interface BenchConfiguration {
  loadBalancerId: string;
  basePath: string;
  listeners: number;
  members: number;
  firstPort: number;
  /** Changes one harmless line, so that each upload is a new one. */
  revision?: number;
}

export const SIZES = {
  small: { listeners: 1, members: 2 },
  large: { listeners: 50, members: 1_000 },
} as const;
export type SizeName = keyof typeof SIZES;
export const sizeNames = Object.keys(SIZES) as SizeName[];

/** Listener `n` has pool `n`; members are spread evenly and checked once a minute, as in the anchor measurements. */
export function benchConfiguration(wanted: BenchConfiguration): string {
  const { loadBalancerId, basePath, listeners, members, firstPort, revision = 0 } = wanted;
  const lines = [
    `# Configuration for loadbalancer ${loadBalancerId}`,
    "global",
    "    daemon",
    "    user nobody",
    "    log /run/rsyslog/octavia/log local0",
    "    log /run/rsyslog/octavia/log local1 notice",
    `    stats socket ${basePath}/${loadBalancerId}.sock mode 0666 level user`,
    `    server-state-file ${basePath}/${loadBalancerId}/servers-state`,
    // Small enough for any limit of open files: what is measured is the work, not the capping.
    "    maxconn 2000",
    "",
    "defaults",
    "    log global",
    "    retries 3",
    "    option redispatch",
    "    option splice-request",
    "    option splice-response",
    "    option http-keep-alive",
    "",
  ];
  for (let n = 0; n < listeners; n++) {
    const listener = uuid("11", n);
    const pool = `${uuid("50", n)}:${listener}`;
    lines.push(
      `frontend ${listener}`,
      "    maxconn 2000",
      `    bind 127.0.0.1:${firstPort + n}`,
      "    mode http",
      `    default_backend ${pool}`,
      `    timeout client ${50_000 + revision}`,
      `    log-format 0123456789abcdef0123456789abcdef\\ ${loadBalancerId}\\ %f\\ %ci\\ %cp\\ %t\\ %{+Q}r\\ %ST\\ %B\\ %U\\ ` +
        "%[ssl_c_verify]\\ %{+Q}[ssl_c_s_dn]\\ %b\\ %s\\ %Tt\\ %tsc",
      "",
      `backend ${pool}`,
      "    mode http",
      "    http-reuse safe",
      "    balance roundrobin",
      "    load-server-state-from-file global",
      "    timeout check 3s",
      "    option httpchk GET / HTTP/1.0",
      "    http-check expect rstatus 200",
      "    fullconn 2000",
      "    option allbackups",
      "    timeout connect 5000",
      "    timeout server 50000",
    );
    for (let m = n; m < members; m += listeners) {
      // 127.0.1.x, port 9: nobody answers, which costs haproxy nothing but the check itself.
      const address = `127.0.${1 + Math.floor(m / 250)}.${1 + (m % 250)}:9`;
      lines.push(`    server ${uuid("3e", m)} ${address} weight 1 check inter 60s fall 3 rise 2`);
    }
    lines.push("");
  }
  return `${lines.join("\n")}\n`;
}

/** Looks and compresses like a random id, and is the same in every run. */
function uuid(prefix: string, n: number): string {
  let state = (Number.parseInt(prefix, 16) * 1_000_003 + n * 7_919 + 1) >>> 0;
  let hex = prefix;
  while (hex.length < 32) {
    // xorshift32
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    hex += state.toString(16).padStart(8, "0");
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
