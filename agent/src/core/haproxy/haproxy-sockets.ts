/** One command to a haproxy statistics socket, the whole answer back. Bounded in time and size. */
export interface HaproxySockets {
  query(socketPath: string, command: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string>;
}
