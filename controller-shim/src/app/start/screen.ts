/** The terminal: takes it over, redraws in place, reads keys, and gives it back as it was, whatever happens. */
export interface Screen {
  draw(lines: string[]): void;
  size(): { columns: number; rows: number };
  close(): void;
}

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[2J";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const CONTROL_C = "\u0003";

export function openScreen(
  streams: { input: NodeJS.ReadStream; output: NodeJS.WriteStream },
  on: { key: (key: string) => void; quit: (key: string) => void; resized: () => void },
): Screen {
  const { input, output } = streams;
  let open = true;
  const onData = (data: Buffer) => {
    // Arrow keys and the like come as one sequence that begins with escape: not ours.
    const text = data.toString("utf8");
    if (text.startsWith("\u001b")) return;
    for (const key of text) {
      if (key === "q") on.quit("q");
      else if (key === CONTROL_C) on.quit("Ctrl-C");
      else on.key(key);
    }
  };
  const close = () => {
    if (!open) return;
    open = false;
    process.off("exit", close);
    output.off("resize", on.resized);
    input.off("data", onData);
    if (input.isTTY) input.setRawMode(false);
    input.pause();
    output.write(LEAVE);
  };
  output.write(ENTER);
  output.on("resize", on.resized);
  // In raw mode the terminal sends Ctrl-C as a character and no signal.
  if (input.isTTY) {
    input.setRawMode(true);
    input.on("data", onData);
  }
  process.once("exit", close);
  return {
    draw: (lines) => {
      // A terminal that cannot keep up is left alone until it has: frames are dropped, never queued.
      if (open && output.writableLength === 0) {
        output.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`);
      }
    },
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    close,
  };
}
