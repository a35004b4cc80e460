import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ApiClient, ApiUnreachable } from "../krater/api-client.ts";
import { endProcess, type ProcessIdentity, send } from "../processes.ts";
import { Fatal, until } from "./deadline.ts";
import { RUN_ID_VARIABLE, type RunLedger } from "./run-ledger.ts";
import { type DemoSettings, repositoryRoot } from "./settings.ts";
import { renderShimConfiguration } from "./shim-configuration.ts";

const START_SECONDS = 20;

/** The controller shim as a child of the main job, as anybody would start it: one configuration file. */
export class ShimProcess {
  readonly logPath: string;
  readonly #configurationPath: string;
  readonly #ledger: RunLedger;
  readonly #api: ApiClient;
  #child: { process: ChildProcess; identity: ProcessIdentity } | undefined;
  #ended: string | undefined;

  constructor(settings: DemoSettings, ledger: RunLedger, api: ApiClient) {
    this.#ledger = ledger;
    this.#api = api;
    this.logPath = join(ledger.folder, "shim.log");
    this.#configurationPath = join(ledger.folder, "shim.toml");
    writeFileSync(this.#configurationPath, renderShimConfiguration(settings), { mode: 0o600 });
  }

  /** Resolves when the API answers. */
  async start(signal: AbortSignal): Promise<void> {
    const log = openSync(this.logPath, "a", 0o600);
    const main = join(repositoryRoot, "controller-shim/src/app/main.ts");
    this.#ended = undefined;
    // A session of its own: a Ctrl-C in the terminal reaches the main job alone, which then ends things in order.
    const child = spawn(process.execPath, [main, "--config-file", this.#configurationPath], {
      cwd: repositoryRoot,
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, [RUN_ID_VARIABLE]: this.#ledger.runId },
    });
    closeSync(log);
    child.once("error", (error) => {
      this.#ended = error.message;
    });
    child.once("exit", (code, by) => {
      if (this.#child?.process === child) this.#ended = by ? `killed by ${by}` : `exit code ${code}`;
    });
    const identity = child.pid === undefined ? undefined : this.#ledger.add("shim", child.pid);
    if (identity) this.#child = { process: child, identity };
    await until("the shim to answer", { seconds: START_SECONDS, signal }, async () => {
      if (!identity || this.#ended !== undefined) {
        throw new Fatal(`the shim ended (${this.#ended ?? "at once"}); its last words:\n${this.lastWords()}`);
      }
      await this.#api.get("/", signal).catch((error) => {
        throw error instanceof ApiUnreachable ? error : new Fatal(String(error));
      });
      return true;
    });
  }

  /** Why the shim is not running, or undefined while it is. */
  get ended(): string | undefined {
    return this.#ended;
  }

  kill(): void {
    if (this.#child) send(this.#child.identity, "SIGKILL");
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    await endProcess(child.identity, 5_000);
    this.#ledger.remove(child.identity.pid);
  }

  lastWords(): string {
    return readFileSync(this.logPath, "utf8").trimEnd().split("\n").slice(-5).join("\n");
  }
}
