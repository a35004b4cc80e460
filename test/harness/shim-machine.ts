import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createTestMachine, type Launched, type TestMachine } from "./main-job.ts";
import { waitFor } from "./wait-for.ts";

const API = "http://127.0.0.1:9876";

/** An answer of the API; tests name what they expect in it. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is the test's business
type Json = Record<string, any>;

/** A machine of the test's own with a shim on it, as `npm run shim` starts one, and members to balance between. */
export interface ShimMachine {
  machine: TestMachine;
  stateDirectory: string;
  configurationFile: string;
  shim: Launched;
  start(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  /** Creates, changes or deletes and waits until the load balancer is ACTIVE or gone; ERROR fails with its words. */
  change(loadBalancerId: string, method: string, path: string, body?: unknown): Promise<Json>;
  settled(loadBalancerId: string): Promise<"ACTIVE" | "ERROR" | "gone">;
  errorOf(loadBalancerId: string): Promise<string>;
  subnet(role: "vip" | "members"): Promise<string>;
  /** A web server in a namespace of its own on the member network, answering with its name. */
  addMember(number: number): Promise<{ name: string; address: string; port: number; stop(): void }>;
  /** One request from this machine: who answered, or why nobody did. */
  get(url: string): Promise<string>;
}

export async function createShimMachine(settings = ""): Promise<ShimMachine> {
  const machine = await createTestMachine();
  const folder = await mkdtemp(join(tmpdir(), "kt-shim-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const stateDirectory = join(folder, "state");
  const configurationFile = join(folder, "shim.toml");
  await writeFile(
    configurationFile,
    `instance = "${machine.instance}"
state_directory = "${stateDirectory}"
[health]
heartbeat_interval_seconds = 1
heartbeat_timeout_seconds = 5
observe_interval_seconds = 0.3
statistics_interval_seconds = 0.3
${settings}`,
  );

  const call: ShimMachine["call"] = async (method, path, body) => {
    const data = body === undefined ? [] : ["-H", "content-type: application/json", "-d", JSON.stringify(body)];
    const url = `${API}${path}`;
    const { output } = await machine.run("curl", [
      "-s",
      "-m",
      "10",
      "-X",
      method,
      "-w",
      "\n%{http_code}",
      ...data,
      url,
    ]);
    const lines = output.split("\n");
    const status = Number(lines.pop());
    const text = lines.join("\n");
    return { status, body: (text === "" ? {} : JSON.parse(text)) as Json };
  };
  const result: ShimMachine = {
    machine,
    stateDirectory,
    configurationFile,
    call,
    shim: undefined as unknown as Launched,
    start: async () => {
      result.shim = machine.launch("main.ts", ["--config-file", configurationFile]);
      await result.shim.says("shim started");
    },
    kill: async () => {
      result.shim.process.kill("SIGKILL");
      await result.shim.ended();
    },
    settled: (id) =>
      waitFor(
        `load balancer ${id} to settle`,
        async () => {
          const { status, body } = await call("GET", `/v2.0/lbaas/loadbalancers/${id}`);
          if (status === 404) return "gone" as const;
          const now = String(body["loadbalancer"]?.["provisioning_status"]);
          return now === "ACTIVE" || now === "ERROR" ? now : undefined;
        },
        {
          timeoutMs: 6e4,
          everyMs: 50,
        },
      ),
    errorOf: async (id) => {
      const { body } = await call("GET", "/krater/v1/status");
      return String(body["load_balancers"]?.find((each: Json) => each["id"] === id)?.["error"]);
    },
    change: async (id, method, path, body) => {
      const answer = await call(method, path, body);
      if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      if ((await result.settled(id)) === "ERROR") throw new Error(`${method} ${path}: ${await result.errorOf(id)}`);
      return answer.body;
    },
    subnet: async (role) => {
      const { body } = await call("GET", `/v2.0/subnets?name=${machine.instance}-${role}`);
      return String(body["subnets"]?.[0]?.["id"]);
    },
    addMember: async (number) => {
      const name = `m${number}`;
      const namespace = `${machine.instance}-${name}`;
      const address = `198.18.2.${200 + number}`;
      const ip = async (...args: string[]) => {
        const { code, output } = await machine.run("ip", args);
        if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${output}`);
      };
      await ip("netns", "add", namespace);
      await ip("link", "add", namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      await ip("link", "set", namespace, "master", `${machine.instance}-mem`, "up");
      await ip("-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
      await ip("-n", namespace, "link", "set", "eth0", "up");
      const program = join(import.meta.dirname, "../../controller-shim/src/app/start/member-server.ts");
      const identity = ["--name", name, "--address", address, "--port", "8080"];
      const enter = `--net=/run/netns/${namespace}`;
      const server = spawn("nsenter", [enter, process.execPath, program, ...identity], { stdio: "ignore" });
      onTestFinished(() => void server.kill("SIGKILL"));
      return {
        name,
        address,
        port: 8080,
        stop: () => void server.kill("SIGKILL"),
      };
    },
    get: async (url) => {
      const { code, output } = await machine.run("curl", ["-s", "-m", "3", url]);
      return code === 0 ? (/^m\d+/.exec(output)?.[0] ?? output) : `curl ${code}`;
    },
  };
  await result.start();
  return result;
}
