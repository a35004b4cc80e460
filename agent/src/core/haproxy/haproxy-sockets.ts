/** One command to a haproxy statistics socket, the whole answer back. Bounded in time and size. */
export interface HaproxySockets {
  query(socketPath: string, command: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string>;
}

/** Several commands to one and the same process: a connection stays with the worker that accepted it. */
export interface HaproxyConversations {
  converse(socketPath: string): Promise<Conversation>;
}

export interface Conversation {
  /** Rejects when the process is gone or does not answer in time. */
  ask(command: string, options: { timeoutMs: number }): Promise<string>;
  /** True when the other side has ended it, as a process that exits does. */
  hasEnded(): boolean;
  close(): void;
}
