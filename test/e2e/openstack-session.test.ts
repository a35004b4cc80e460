import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTestMachine, type TestMachine } from "../harness/main-job.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";
import { hasTool } from "../harness/tools.ts";
import { waitFor } from "../harness/wait-for.ts";

const API = "http://127.0.0.1:9876";

/** A shim as `npm run shim` makes it, only with a name of its own, and heartbeats quick enough for a test. */
async function startShim(machine: TestMachine) {
  const state = await mkdtemp(join(tmpdir(), "kt-shim-"));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  const file = join(state, "shim.toml");
  await writeFile(
    file,
    `instance = "${machine.instance}"\nstate_directory = "${state}/state"\n[health]\nheartbeat_interval_seconds = 1\n`,
  );
  const shim = machine.launch("main.ts", ["--config-file", file]);
  await waitFor("the shim's API", async () => (await machine.run("curl", ["-sf", API])).code === 0, { everyMs: 200 });
  return shim;
}

test.skipIf(!hasTool("openstack"))("the session of the README, with the stock client", async () => {
  const machine = await createTestMachine();
  const shim = await startShim(machine);
  const members = ["m1", "m2"].map((name, n) =>
    machine.launch("start/member-server.ts", [`--name=${name}`, "--address=198.18.2.1", `--port=${8081 + n}`]),
  );
  // The client keeps a cache in its home.
  const environment = { OS_AUTH_TYPE: "none", OS_ENDPOINT: API, HOME: await temporaryDirectory() };
  const openstack = async (line: string) => {
    const { code, output } = await machine.run("openstack", ["loadbalancer", ...line.split(" ")], { environment });
    expect(code, `${line}: ${output}`).toBe(0);
    return output;
  };
  const field = (name: string, output: string) => new RegExp(`^\\| ${name} +\\| (.*?) +\\|$`, "m").exec(output)?.[1];

  const created = await openstack(`create --name web --vip-subnet-id ${machine.instance}-vip --wait`);
  expect(field("provisioning_status", created)).toBe("ACTIVE");
  await openstack("listener create --name http --protocol HTTP --protocol-port 80 --wait web");
  await openstack("pool create --name servers --protocol HTTP --lb-algorithm ROUND_ROBIN --listener http --wait");
  // The client's --wait looks every 3 s; what it waits for has been seen often enough above.
  const settled = async () => {
    await waitFor("ACTIVE", async () => {
      const { output } = await machine.run("curl", ["-s", `${API}/v2.0/lbaas/loadbalancers`]);
      return output.includes('"provisioning_status":"ACTIVE"');
    });
  };
  await openstack("healthmonitor create --type HTTP --delay 1 --timeout 1 --max-retries 1 --url-path /health servers");
  for (const n of [1, 2]) {
    await settled();
    await openstack(`member create --name m${n} --address 198.18.2.1 --protocol-port ${8080 + n} servers`);
  }
  await settled();

  const vip = `http://${field("vip_address", created)}/`;
  const answers = new Set<string>();
  await waitFor("both members to answer through the VIP", async () => {
    const { output } = await machine.run("curl", ["-s", vip]);
    answers.add(output.split(" ")[0] ?? "");
    return answers.has("m1") && answers.has("m2");
  });
  await waitFor("the stock client to show it ONLINE", async () => {
    return field("operating_status", await openstack("show web")) === "ONLINE";
  });
  const status = JSON.parse((await openstack("status show web")).trim()) as { loadbalancer: { name: string } };
  expect(status.loadbalancer.name).toBe("web");

  const krater = (...args: string[]) => machine.launch("krater.ts", args).ended();
  const tree = await krater("status");
  expect(tree.code).toBe(0);
  expect(tree.output).toMatch(/load balancer web {2}VIP .* ACTIVE ONLINE/);
  expect(tree.output).toMatch(/└─ member m2 {2}198\.18\.2\.1:8082 {2}weight 1 {2}ACTIVE ONLINE/);
  const listed = await krater("--json", "amphora", "list");
  const [amphora] = JSON.parse(listed.output) as { id: string; status: string }[];
  expect(amphora?.status).toBe("ALLOCATED");
  const shown = await krater("amphora", "show", amphora?.id.slice(0, 8) ?? "");
  expect(shown.output).toContain(amphora?.id);

  const refused = await krater("clean", "--instance", machine.instance);
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining("is alive") });
  await openstack("delete --cascade --wait web");
  expect((await krater("status")).output).toBe("no load balancers\n");

  shim.process.kill("SIGTERM");
  expect((await shim.ended()).code).toBe(0);
  const taken = await machine.launch("start.ts", ["--instance", machine.instance]).ended();
  expect(taken).toMatchObject({ code: 1, output: expect.stringContaining("belongs to a shim") });
  const cleaned = await krater("clean", "--instance", machine.instance, "--state");
  expect(cleaned).toMatchObject({ code: 0, output: expect.stringContaining("removed its state") });
  for (const member of members) {
    member.process.kill("SIGTERM");
    await member.ended();
  }
  expect(machine.leftovers()).toEqual([]);
});
