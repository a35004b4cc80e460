import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { agentBundle } from "../../../../../scripts/bundle-agent.ts";
import { createNetnsMachine } from "../../../../../test/harness/netns-machine.ts";
import { hasTool } from "../../../../../test/harness/tools.ts";
import { waitFor } from "../../../../../test/harness/wait-for.ts";
import { bootFiles } from "../../../core/lifecycle/boot-files.ts";
import { FakeClock } from "../../../testing/fake-clock.ts";
import { LocalCertificateAuthority } from "../../pki/local-certificate-authority.ts";
import { namespaceName, shortIdOf } from "./names.ts";

const ready = ["ip", "unshare", "nsenter", "curl", "haproxy"].every(hasTool) && process.getuid?.() === 0;
const loadBalancerId = "0b6a8a1f-5d9c-4a0e-8c61-2f2c7c1d1e11";
const configuration = `# Configuration for loadbalancer ${loadBalancerId}
global
    daemon
    user nobody
    log /run/rsyslog/octavia/log local0
    stats socket /var/lib/octavia/${loadBalancerId}.sock mode 0666 level user
    maxconn 500

defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s

frontend front
    bind 198.18.1.100:80
    http-request return status 200 content-type text/plain string "from the amphora"
`;

test.skipIf(!ready)("the agent boots from what our authority and driver give it; haproxy outlives it", async () => {
  const machine = await createNetnsMachine();
  machine.agentBundle = agentBundle;
  const clock = new FakeClock();
  clock.advance(Date.now() - clock.nowMs());
  const pki = join(machine.folder, "pki");
  const authority = await LocalCertificateAuthority.open(pki, clock);
  const plain = machine.specification(10, ["198.18.1.100"]);
  const { amphoraId } = plain;
  const { pem } = await authority.issueAmphoraCertificate(amphoraId);
  const specification = {
    ...plain,
    bootFiles: bootFiles({
      amphoraId,
      managementAddress: "198.18.0.10",
      heartbeatReceiver: "198.18.0.1:5555",
      heartbeatIntervalS: 1,
      heartbeatKey: `secret-${machine.instance}`,
      certificatePem: pem,
      clientCaPem: authority.clientCaPem,
    }),
  };
  await machine.driver().prepare(AbortSignal.timeout(10_000));
  await machine.driver().ensure(specification, AbortSignal.timeout(10_000));

  const tls = ["--cacert", `${pki}/server_ca.pem`, "--cert", `${pki}/client.pem`, "--key", `${pki}/client.key`];
  const curl = [
    "curl",
    "-sS",
    "--noproxy",
    "*",
    "--max-time",
    "10",
    "--resolve",
    `${amphoraId}:9443:198.18.0.10`,
    ...tls,
  ];
  const call = async (method: string, path: string, ...more: string[]): Promise<unknown> => {
    const [program, ...args] = [...curl, "-X", method, ...more, `https://${amphoraId}:9443${path}`];
    return JSON.parse(await machine.exec(program, ...args));
  };
  const version = await waitFor("the agent's answer", () => call("GET", "/"));
  expect(version).toMatchObject({ api_version: "1.0" });
  expect(await call("GET", "/1.0/info")).toMatchObject({ hostname: `amphora-${amphoraId}` });

  const upload = join(machine.folder, "haproxy.cfg");
  await writeFile(upload, configuration);
  const base = `/1.0/loadbalancer/${amphoraId}/${loadBalancerId}`;
  expect(await call("PUT", `${base}/haproxy`, "--data-binary", `@${upload}`)).toEqual({ message: "OK" });
  await call("PUT", `/1.0/loadbalancer/${loadBalancerId}/start`);
  const traffic = (): Promise<string> =>
    machine.exec("curl", "-sS", "--noproxy", "*", "--max-time", "2", "http://198.18.1.100/");
  await waitFor("traffic through the VIP", async () => (await traffic()) === "from the amphora");

  const namespace = namespaceName(machine.instance, shortIdOf(amphoraId));
  const agents = (): Promise<string[]> => processes(namespace, "/krater/agent.cjs");
  const haproxies = await processes(namespace, "haproxy");
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const [agent = ""] = (await agents()).filter((line) => line.includes("/krater/node"));
    process.kill(Number.parseInt(agent, 10), signal);
    await waitFor("another agent", async () => {
      const now = await agents();
      return now.length > 0 && !now.includes(agent) && (await call("GET", "/1.0/info")) !== undefined;
    });
    expect(await traffic()).toBe("from the amphora");
    expect(await processes(namespace, "haproxy")).toEqual(haproxies);
  }
  const log = await readFile(join(machine.folder, "state/amphorae", amphoraId, "agent.log"), "utf8");
  expect(log).not.toContain("secret-");
  expect(log).not.toContain("PRIVATE KEY");
});

/** Pid and command line of what runs in the namespace and names `part`. */
async function processes(namespace: string, part: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ip", ["netns", "pids", namespace]);
  const found: string[] = [];
  for (const pid of stdout.split("\n").filter((line) => line !== "")) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.split("\0")[0]?.endsWith(part) || commandLine.split("\0").includes(part)) {
      found.push(`${pid} ${commandLine.replaceAll("\0", " ")}`);
    }
  }
  return found;
}
