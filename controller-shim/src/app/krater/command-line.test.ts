import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runCommandLine } from "./command-line.ts";

const amphora = (id: string) => ({
  id,
  loadbalancer_id: "1b000001-0001-4000-8000-000000000001",
  status: "ALLOCATED",
  role: "STANDALONE",
  lb_network_ip: "198.18.0.10",
  cached_zone: null,
});
const known = [amphora("a3000001-0001-4000-8000-000000000001"), amphora("a3000002-0001-4000-8000-000000000002")];

/** A shim that answers what is given for a path, and 404 in Octavia's words for anything else. */
async function shim(answers: Record<string, unknown>): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end('{"faultstring":"not found here"}');
    else response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function krater(args: string[], environment: Record<string, string> = {}) {
  const out: string[] = [];
  const error: string[] = [];
  const io = { out: (s: string) => out.push(s), error: (s: string) => error.push(s), isTTY: false, environment };
  return { code: await runCommandLine(args, io), out: out.join("\n"), error: error.join("\n") };
}

test.for([
  { name: "no command", args: [], words: "Usage: npm run krater -- [options]" },
  { name: "an unknown command", args: ["stauts"], words: "unknown command 'stauts'" },
  { name: "an unknown option", args: ["status", "--all"], words: "unknown option '--all'" },
  { name: "a missing id", args: ["amphora", "show"], words: "missing required argument 'id'" },
  { name: "half a command", args: ["amphora"], words: "Usage: npm run krater -- amphora" },
  { name: "a URL that is none", args: ["--url", "localhost:9876", "status"], words: "no http URL" },
  { name: "an instance that is none", args: ["clean", "--instance", "../x"], words: "1 to 6 characters" },
])("$name is a usage error: exit code 2 and help", async ({ args, words }) => {
  const { code, error } = await krater(args);
  expect(error).toContain(words);
  expect(code).toBe(2);
});

test("help is no error", async () => {
  const { code, out } = await krater(["--help"]);
  expect(code).toBe(0);
  for (const command of ["status", "amphora", "clean"]) expect(out).toContain(command);
});

test("a shim that is not there: exit code 1, the URL, and what to do", async () => {
  const url = await shim({});
  const { code, error } = await krater(["--url", url.replace(/\d+$/, "9"), "status"]);
  expect(code).toBe(1);
  expect(error).toContain("no Krater API at");
  expect(error).toContain("npm run shim");
});

test("a refusal is told in the API's words", async () => {
  const { code, error } = await krater(["--url", await shim({}), "amphora", "list"]);
  expect({ code, error }).toEqual({ code: 1, error: "krater: not found here" });
});

test("a shim that wants a token: from the environment alone", async () => {
  const server = createServer((request, response) => {
    if (request.headers["x-auth-token"] === "a-secret") response.end('{"load_balancers":[],"stray_amphorae":[]}');
    else response.writeHead(401).end('{"faultstring":"no token"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const KRATER_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const without = await krater(["status"], { KRATER_URL });
  expect(without.code).toBe(1);
  expect(without.error).toContain("KRATER_TOKEN");
  expect((await krater(["status"], { KRATER_URL, KRATER_TOKEN: "a-secret" })).code).toBe(0);
});

test("amphora list is a table, or JSON for scripts", async () => {
  const url = await shim({ "/v2.0/octavia/amphorae": { amphorae: known } });
  const table = await krater(["amphora", "list"], { KRATER_URL: url });
  expect(table.code).toBe(0);
  expect(table.out.split("\n").map((line) => line.split(/ {2,}/)[0])).toEqual(["ID", ...known.map((each) => each.id)]);
  const script = await krater(["--json", "amphora", "list"], { KRATER_URL: url });
  expect(JSON.parse(script.out)).toEqual(known);
});

test.for([
  { name: "a beginning that fits none", id: "ff", words: "no amphora ff" },
  { name: "a beginning that fits two", id: "a3", words: "2 amphorae begin with a3" },
])("amphora show with $name is an error", async ({ id, words }) => {
  const url = await shim({ "/v2.0/octavia/amphorae": { amphorae: known } });
  const { code, error } = await krater(["--url", url, "amphora", "show", id]);
  expect(code).toBe(1);
  expect(error).toContain(words);
});

test("amphora show takes the beginning of an id", async () => {
  const url = await shim({ "/v2.0/octavia/amphorae": { amphorae: known } });
  const { code, out } = await krater(["--url", url, "amphora", "show", "A3000002"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^status +ALLOCATED$/m);
  expect(out).toMatch(/^cached_zone +-$/m);
});

test("status of an empty shim says so", async () => {
  const { code, out } = await krater([
    "--url",
    await shim({ "/krater/v1/status": { load_balancers: [], stray_amphorae: [] } }),
    "status",
  ]);
  expect({ code, out }).toEqual({ code: 0, out: "no load balancers" });
});
