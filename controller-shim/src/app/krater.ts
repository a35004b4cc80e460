import { runCommandLine } from "./krater/command-line.ts";

/** `npm run krater -- ...`: the operator's command line. */
// `krater status | head -1` closes the pipe early: that is no failure worth a stack trace.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
  isTTY: process.stdout.isTTY === true,
  environment: process.env,
});
