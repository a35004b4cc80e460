/**
 * Work asked for again and again while it is done is done once more, not once for each time: whoever asks gets the
 * first run that begins after they asked.
 */
export function mergeCalls(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running.then(() => {
      next = undefined;
      const run = work();
      running = run.catch(() => undefined);
      return run;
    });
    return next;
  };
}
