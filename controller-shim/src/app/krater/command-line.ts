import { Command, CommanderError } from "commander";
import type { ShimStatus } from "../../core/api/shim-status.ts";
import { parseInstance } from "../start/settings.ts";
import { ApiClient, ApiRefused, ApiUnreachable } from "./api-client.ts";
import { cleanInstance } from "./clean.ts";
import { paintFor } from "./paint.ts";
import { renderStatusTree } from "./status-tree.ts";
import { renderTable } from "./table.ts";

const DEFAULT_URL = "http://127.0.0.1:9876";

/** What scripts rely on. */
const EXIT = { ok: 0, error: 1, usage: 2 } as const;

export interface CommandLineIo {
  out(line: string): void;
  error(line: string): void;
  isTTY: boolean;
  environment: NodeJS.ProcessEnv;
}

interface GlobalOptions {
  url: string;
  json: boolean;
}

interface Amphora {
  id: string;
  loadbalancer_id: string;
  status: string;
  role: string;
  lb_network_ip: string;
  [field: string]: unknown;
}

/** Runs one command and gives its exit code. Nothing in here ends the process. */
export async function runCommandLine(args: readonly string[], io: CommandLineIo): Promise<number> {
  const program = buildProgram(io);
  try {
    await program.parseAsync(args, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    // commander has printed its own words already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.error(`krater: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof ApiUnreachable) {
      io.error(
        "Is the shim running?  npm run shim  starts one; --url or KRATER_URL names another (npm start: http://127.0.0.1:19876).",
      );
    }
    if (error instanceof ApiRefused && error.status === 401)
      io.error("Give the API's token in the environment: KRATER_TOKEN.");
    return EXIT.error;
  }
}

function buildProgram(io: CommandLineIo): Command {
  const { environment } = io;
  const program = new Command("npm run krater --")
    .description("Looks at load balancers of a controller shim, and cleans up after one.")
    // A token among the arguments would be there for every user of the machine to read.
    .addHelpText("after", "\nKRATER_TOKEN in the environment: the API's token, where it wants one.")
    .option("--url <url>", "where the shim's API is (KRATER_URL)", environment["KRATER_URL"] || DEFAULT_URL)
    .option("--json", "print JSON, for scripts", false)
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.error(text.trimEnd()) })
    .showHelpAfterError("(npm run krater -- --help lists the commands)")
    .exitOverride();
  const json = () => program.opts<GlobalOptions>().json;
  const print = (value: unknown, people: () => string[]) => {
    for (const line of json() ? [JSON.stringify(value, null, 2)] : people()) io.out(line);
  };
  const api = () => {
    const { url } = program.opts<GlobalOptions>();
    if (!URL.canParse(url) || !/^https?:/.test(url))
      program.error(`error: --url ${url} is no http URL`, { exitCode: 2 });
    return new ApiClient({ url, token: environment["KRATER_TOKEN"] });
  };

  program
    .command("status")
    .description("load balancers with listeners, pools, members and amphorae, as a tree")
    .action(async () => {
      const status = await api().get<ShimStatus>("/krater/v1/status");
      print(status, () => renderStatusTree(status, paintFor(io, environment)));
    });

  const amphora = program.command("amphora").description("the appliances that carry the traffic");
  amphora
    .command("list")
    .description("all amphorae")
    .action(async () => {
      const { amphorae } = await api().get<{ amphorae: Amphora[] }>("/v2.0/octavia/amphorae");
      const rows = amphorae.map((a) => [a.id, a.loadbalancer_id, a.status, a.role, a.lb_network_ip]);
      print(amphorae, () => renderTable(["ID", "LOAD BALANCER", "STATUS", "ROLE", "ADDRESS"], rows));
    });
  amphora
    .command("show")
    .argument("<id>", "id of the amphora, or its beginning where that is unique")
    .description("everything known about one amphora")
    .action(async (id: string) => {
      const found = await findAmphora(api(), id);
      const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
      const rows = Object.entries(found).map(([field, value]) => [field, text(value ?? "")]);
      print(found, () => renderTable(["FIELD", "VALUE"], rows));
    });

  program
    .command("clean")
    .description("removes processes, namespaces, bridges and cgroups of an instance whose shim is dead")
    .option("--instance <name>", "name of the instance", parseInstance, "krater")
    .option("--state", "also remove its state: load balancers, keys, certificates", false)
    .action(async (options: { instance: string; state: boolean }) => {
      const done = await cleanInstance(options.instance, { removeState: options.state });
      print(done, () => done.lines);
    });
  return program;
}

async function findAmphora(api: ApiClient, id: string): Promise<Amphora> {
  const { amphorae } = await api.get<{ amphorae: Amphora[] }>("/v2.0/octavia/amphorae");
  const found = amphorae.filter((each) => each.id.startsWith(id.toLowerCase()));
  const [only] = found;
  if (!only) throw new Error(`no amphora ${id}: npm run krater -- amphora list  shows all`);
  if (found.length > 1) throw new Error(`${found.length} amphorae begin with ${id}: give more of the id`);
  return only;
}
