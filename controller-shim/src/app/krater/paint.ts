/** Colours for people; plain text for everything else. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  /** A status word in the colour of what it means. */
  status(word: string): string;
}

const code = (number: number) => (text: string) => `\u001b[${number}m${text}\u001b[0m`;
const same = (text: string) => text;
const [green, red, yellow] = [code(32), code(31), code(33)];

export function paintFor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  // https://no-color.org: set and not empty means none.
  if (!stream.isTTY || environment["NO_COLOR"]) return { bold: same, dim: same, status: same };
  return {
    bold: code(1),
    dim: code(2),
    status: (word) => {
      if (/^(ACTIVE|ONLINE|ALLOCATED)$/.test(word)) return green(word);
      return /^(ERROR|OFFLINE)$/.test(word) ? red(word) : yellow(word);
    },
  };
}

/** What others named must not move the cursor or change the terminal. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}
