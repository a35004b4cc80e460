/** Turns a command line into one that runs in the network namespace configured, if any. */
export interface NamespaceCommand {
  /** Empty: the agent's own. */
  name(): string;
  wrap(command: readonly [string, ...string[]]): [string, ...string[]];
  /** The command itself while the namespace does not exist yet: a configuration may be pushed before the first plug. */
  wrapIfPresent(command: readonly [string, ...string[]]): Promise<[string, ...string[]]>;
}
