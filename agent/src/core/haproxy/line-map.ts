/** For each line of a text made from another (index 0 is line 1): its line number there, or 0 for a line of ours. */
export type LineMap = readonly number[];

/** Where a line of the last text is in the first one. */
export function composeLineMaps(first: LineMap, second: LineMap): LineMap {
  return second.map((line) => (line === 0 ? 0 : (first[line - 1] ?? line)));
}

/**
 * haproxy's words about `path`, with the file name and line numbers of the text its author knows. A line of ours is
 * told as the nearest line before it.
 */
export function translateWords(words: string, path: string, shownPath: string, lineMap: LineMap): string {
  return words.replaceAll(new RegExp(`${RegExp.escape(path)}(?::(\\d+))?`, "g"), (_match, line: string | undefined) => {
    if (line === undefined) return shownPath;
    let index = Number(line) - 1;
    while (index > 0 && lineMap[index] === 0) index--;
    return `${shownPath}:${lineMap[index] || line}`;
  });
}
