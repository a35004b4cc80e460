import type { LineMap } from "./line-map.ts";

/**
 * The upload as it is stored: every match of `\s+group\s.+` is gone, as Octavia's agent does it. Text is latin1, one
 * character per byte, so that any encoding survives; blanks are ASCII's, or bytes of other letters would count.
 * Linear in the length: the regular expression itself is quadratic on long runs of blanks.
 */
export function stripGroup(text: string): { text: string; lineMap: LineMap } {
  const kept: string[] = [];
  const lineMap = [1];
  let line = 1;
  let copied = 0;
  for (let at = text.indexOf("group"); at !== -1; at = text.indexOf("group", at)) {
    let start = at;
    while (start > copied && isBlank(text, start - 1)) start--;
    const rest = at + "group ".length;
    if (start === at || !isBlank(text, rest - 1) || rest >= text.length || text[rest] === "\n") {
      at++;
      continue;
    }
    keep(copied, start);
    const end = text.indexOf("\n", rest);
    copied = end === -1 ? text.length : end;
    line += newlines(start, copied);
    at = copied;
  }
  keep(copied, text.length);
  return { text: kept.join(""), lineMap };

  function keep(from: number, to: number): void {
    kept.push(text.slice(from, to));
    for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) lineMap.push(++line);
  }

  function newlines(from: number, to: number): number {
    let count = 0;
    for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) count++;
    return count;
  }
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || (code >= 9 && code <= 13);
}
