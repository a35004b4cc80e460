/** Colours for people; plain text for everything else. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  /** A status word in the colour of what it means. */
  status(word: string): string;
}

const code = (number: number) => (text: string) => `\u001b[${number}m${text}\u001b[0m`;
const same = (text: string) => text;

export const colours = {
  bold: code(1),
  dim: code(2),
  red: code(31),
  green: code(32),
  yellow: code(33),
  cyan: code(36),
} as const;

/** Green, yellow, red: what serves, what is on its way, what does not. */
export function colourOf(status: string): (text: string) => string {
  if (/^(ACTIVE|ONLINE|ALLOCATED)$/.test(status)) return colours.green;
  return /^(ERROR|OFFLINE)$/.test(status) ? colours.red : colours.yellow;
}

export function paintFor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  // https://no-color.org: set and not empty means none.
  if (!stream.isTTY || environment["NO_COLOR"]) return { bold: same, dim: same, status: same };
  const { bold, dim } = colours;
  return { bold, dim, status: (word) => colourOf(word)(word) };
}

/** What others named must not move the cursor or change the terminal. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}
