import { createServer } from "node:http";
import { parseArgs } from "node:util";

/** One demo member: a web server that says who it is. Runs as a process of its own in the member's namespace. */
const { values } = parseArgs({
  options: { name: { type: "string" }, address: { type: "string" }, port: { type: "string" } },
});
const name = values.name ?? "member";
let served = 0;

const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("x-served-by", name);
  request.resume();
  if (request.url === "/health") return void response.end("healthy\n");
  served += 1;
  response.end(`${name} answers, request ${served}\n`);
});
server.listen(Number(values.port ?? 8080), values.address);
server.once("error", (error) => {
  console.error(`member ${name}: ${error.message}`);
  process.exit(1);
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
