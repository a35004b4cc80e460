import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createShimMachine, type ShimMachine } from "../harness/shim-machine.ts";
import { hasTool } from "../harness/tools.ts";
import { waitFor } from "../harness/wait-for.ts";

const realTest = test.skipIf(!hasTool("haproxy") || !hasTool("ip") || !hasTool("curl") || !hasTool("nsenter"));

/** A load balancer with listener, pool, HTTP monitor and members, in one call. */
async function createWeb(at: ShimMachine, numbers: number[]) {
  const members = await Promise.all(numbers.map((number) => at.addMember(number)));
  const memberSubnet = await at.subnet("members");
  const { status, body } = await at.call("POST", "/v2.0/lbaas/loadbalancers", {
    loadbalancer: {
      name: "web",
      vip_subnet_id: await at.subnet("vip"),
      listeners: [
        {
          name: "http",
          protocol: "HTTP",
          protocol_port: 80,
          default_pool: {
            name: "servers",
            protocol: "HTTP",
            lb_algorithm: "ROUND_ROBIN",
            healthmonitor: {
              type: "HTTP",
              delay: 1,
              timeout: 1,
              max_retries: 1,
              max_retries_down: 1,
              url_path: "/health",
            },
            members: members.map(({ name, address, port }) => ({
              name,
              address,
              protocol_port: port,
              subnet_id: memberSubnet,
            })),
          },
        },
      ],
    },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  const loadBalancer = body["loadbalancer"];
  return {
    id: String(loadBalancer["id"]),
    vip: `http://${loadBalancer["vip_address"]}/`,
    listener: String(loadBalancer["listeners"][0]["id"]),
    pool: String(loadBalancer["pools"][0]["id"]),
    members,
  };
}

async function answersOf(at: ShimMachine, url: string, requests = 8): Promise<Set<string>> {
  const answers = new Set<string>();
  for (let n = 0; n < requests; n++) answers.add(await at.get(url));
  return answers;
}

async function statusOf(at: ShimMachine, id: string) {
  const { body } = await at.call("GET", "/krater/v1/status");
  return body["load_balancers"].find((each: { id: string }) => each.id === id);
}

async function membersOf(at: ShimMachine, id: string): Promise<string> {
  const members: { name: string; operating_status: string }[] = (await statusOf(at, id))["pools"][0]["members"];
  return members
    .map((member) => `${member.name} ${member.operating_status}`)
    .sort()
    .join(", ");
}

/** One amphora, the one that serves; nothing else of this shim on the machine. */
async function expectOneAmphora(at: ShimMachine, id: string): Promise<string> {
  const status = await statusOf(at, id);
  expect(status["amphorae"]).toHaveLength(1);
  const [amphora] = status["amphorae"];
  expect(amphora["status"]).toBe("ALLOCATED");
  await waitFor("strays to be gone", async () => (await readdir(join(at.stateDirectory, "amphorae"))).length === 1);
  expect(await readdir(join(at.stateDirectory, "amphorae"))).toEqual([amphora["id"]]);
  return String(amphora["id"]);
}

realTest(
  "a load balancer made over the API carries traffic, follows its members and its settings",
  { timeout: 120_000 },
  async () => {
    const at = await createShimMachine();
    const web = await createWeb(at, [1, 2]);
    expect(await at.settled(web.id)).toBe("ACTIVE");
    await waitFor("both members to answer", async () => (await answersOf(at, web.vip)).size === 2);
    expect(await answersOf(at, web.vip)).toEqual(new Set(["m1", "m2"]));
    await waitFor("everything to be ONLINE", async () => {
      const status = await statusOf(at, web.id);
      return status["operating_status"] === "ONLINE" && (await membersOf(at, web.id)) === "m1 ONLINE, m2 ONLINE";
    });

    web.members[0]?.stop();
    await waitFor("the stopped member to be ERROR and the rest DEGRADED", async () => {
      const status = await statusOf(at, web.id);
      return status["operating_status"] === "DEGRADED" && (await membersOf(at, web.id)) === "m1 ERROR, m2 ONLINE";
    });
    expect(await answersOf(at, web.vip)).toEqual(new Set(["m2"]));
    const { body: events } = await at.call("GET", "/krater/v1/events?since=0");
    expect(events["events"].map((event: { text: string }) => event.text).join("\n")).toMatch(/member .* is ERROR/);

    await waitFor("requests to be counted", async () => {
      const { body } = await at.call("GET", `/v2.0/lbaas/loadbalancers/${web.id}/stats`);
      return body["stats"]["total_connections"] >= 10 && body["stats"]["bytes_out"] > 100;
    });

    const listener = `/v2.0/lbaas/listeners/${web.listener}`;
    await at.change(web.id, "PUT", listener, { listener: { allowed_cidrs: ["192.0.2.0/24"] } });
    expect(await at.get(web.vip)).toMatch(/^curl (7|52|56)$/); // closed at once: before curl takes it for open, or after
    await at.change(web.id, "PUT", listener, { listener: { allowed_cidrs: ["198.18.1.0/24"] } });
    expect(await at.get(web.vip)).toBe("m2");

    const loadBalancer = `/v2.0/lbaas/loadbalancers/${web.id}`;
    await at.change(web.id, "PUT", loadBalancer, { loadbalancer: { admin_state_up: false } });
    expect(await at.get(web.vip)).toBe("curl 7"); // nobody listens
    expect((await statusOf(at, web.id))["operating_status"]).toBe("OFFLINE");
    await at.change(web.id, "PUT", loadBalancer, { loadbalancer: { admin_state_up: true } });
    await waitFor("it to serve again", async () => (await at.get(web.vip)) === "m2");
    const { body: status } = await at.call("GET", "/krater/v1/status");
    expect(Object.keys(status["heartbeats"])).toEqual(["accepted"]);

    const refused = await at.call("POST", "/v2.0/lbaas/listeners", {
      listener: { loadbalancer_id: web.id, protocol: "UDP", protocol_port: 53 },
    });
    expect(refused.status).toBe(501);
    expect(refused.body["faultstring"]).toContain("UDP");
    expect(await at.settled(web.id)).toBe("ACTIVE");

    const { body: created } = await at.call("POST", "/v2.0/lbaas/l7policies", {
      l7policy: { listener_id: web.listener, action: "REJECT" },
    });
    await at.settled(web.id);
    await at.call("POST", `/v2.0/lbaas/l7policies/${created["l7policy"]["id"]}/rules`, {
      rule: { type: "PATH", compare_type: "REGEX", value: "[[:nothing:]]" },
    });
    expect(await at.settled(web.id)).toBe("ERROR");
    expect(await at.errorOf(web.id)).toMatch(/400: .*regex/s);
    expect(await at.get(web.vip)).toBe("m2"); // what ran before still runs

    await at.change(web.id, "DELETE", `/v2.0/lbaas/loadbalancers/${web.id}?cascade=true`);
    expect(await at.settled(web.id)).toBe("gone");
    expect(await readdir(join(at.stateDirectory, "amphorae"))).toEqual([]);
  },
);

realTest(
  "traffic and health checks go on while the shim is dead, and it takes over what it finds",
  { timeout: 120_000 },
  async () => {
    const at = await createShimMachine();
    const web = await createWeb(at, [1, 2]);
    expect(await at.settled(web.id)).toBe("ACTIVE");
    await waitFor("both members to answer", async () => (await answersOf(at, web.vip)).size === 2);
    const amphora = await expectOneAmphora(at, web.id);
    await at.kill();
    // An hour is like this minute: nothing of the shim is in the path, and nothing in the amphora waits for it.
    const until = performance.now() + 8_000;
    while (performance.now() < until) expect(["m1", "m2"]).toContain(await at.get(web.vip));
    web.members[1]?.stop();
    await waitFor("the amphora to leave the dead member out by itself", async () => {
      return (await answersOf(at, web.vip)).has("m2") === false;
    });
    await at.start();
    await waitFor("the shim to have noticed", async () => {
      return (await membersOf(at, web.id)) === "m1 ONLINE, m2 ERROR";
    });
    expect(await expectOneAmphora(at, web.id)).toBe(amphora);
  },
);

realTest("an amphora that dies, or that stands still, is replaced", { timeout: 120_000 }, async () => {
  const at = await createShimMachine();
  const web = await createWeb(at, [1]);
  expect(await at.settled(web.id)).toBe("ACTIVE");
  const first = await expectOneAmphora(at, web.id);
  const initOf = async (id: string) => {
    const { output } = await at.machine.run("cat", [join(at.stateDirectory, "amphorae", id, "init.pid")]);
    return Number(output.split(" ")[0]);
  };
  process.kill(await initOf(first), "SIGKILL");
  await waitFor(
    "another amphora to serve",
    async () => {
      const [amphora] = (await statusOf(at, web.id))["amphorae"];
      return amphora && amphora["id"] !== first && (await at.get(web.vip)) === "m1";
    },
    { timeoutMs: 30_000 },
  );
  expect(await at.settled(web.id)).toBe("ACTIVE");
  const second = await expectOneAmphora(at, web.id);

  // Frozen, agent and haproxy alike: it beats no more and answers nobody.
  const { output } = await at.machine.run("ip", ["netns", "pids", `${at.machine.instance}-${second.slice(0, 8)}`]);
  for (const pid of output.trim().split("\n").map(Number)) process.kill(pid, "SIGSTOP");
  await waitFor(
    "a third one to serve",
    async () => {
      const [amphora] = (await statusOf(at, web.id))["amphorae"];
      return amphora && amphora["id"] !== second && (await at.get(web.vip)) === "m1";
    },
    { timeoutMs: 40_000 },
  );
  expect(await at.settled(web.id)).toBe("ACTIVE");
  await expectOneAmphora(at, web.id);
});

realTest("bridges that somebody removed are made again and amphorae attached anew", { timeout: 120_000 }, async () => {
  const at = await createShimMachine();
  const web = await createWeb(at, [1]);
  expect(await at.settled(web.id)).toBe("ACTIVE");
  await waitFor("it to serve", async () => (await at.get(web.vip)) === "m1");
  const amphora = await expectOneAmphora(at, web.id);
  const removeBridge = async (suffix: string) => {
    expect((await at.machine.run("ip", ["link", "del", `${at.machine.instance}-${suffix}`])).code).toBe(0);
  };
  await removeBridge("mgmt");
  await removeBridge("vip");
  await waitFor("it to serve again", async () => (await at.get(web.vip)) === "m1", { timeoutMs: 20_000 });
  await at.kill();
  await removeBridge("vip");
  await at.start();
  await waitFor("it to serve after a start", async () => (await at.get(web.vip)) === "m1", { timeoutMs: 20_000 });
  expect(await at.settled(web.id)).toBe("ACTIVE");
  expect(await expectOneAmphora(at, web.id)).toBe(amphora);
});

describe("killed at any point, the next start finishes", () => {
  const delaysMs = [0, 120, 300, 500, 800];

  realTest("a create", { timeout: 240_000 }, async () => {
    const at = await createShimMachine();
    for (const delayMs of delaysMs) {
      const { body } = await at.call("POST", "/v2.0/lbaas/loadbalancers", {
        loadbalancer: {
          vip_subnet_id: await at.subnet("vip"),
          listeners: [{ protocol: "TCP", protocol_port: 80 }],
        },
      });
      const id = String(body["loadbalancer"]["id"]);
      await sleep(delayMs);
      await at.kill();
      await at.start();
      expect(await at.settled(id), `killed after ${delayMs} ms: ${await at.errorOf(id)}`).toBe("ACTIVE");
      await expectOneAmphora(at, id);
      await at.change(id, "DELETE", `/v2.0/lbaas/loadbalancers/${id}?cascade=true`);
    }
  });

  realTest("a create, told to stop in its middle: gone within two seconds", { timeout: 60_000 }, async () => {
    const at = await createShimMachine();
    const vip_subnet_id = await at.subnet("vip");
    const { body } = await at.call("POST", "/v2.0/lbaas/loadbalancers", { loadbalancer: { vip_subnet_id } });
    await sleep(200);
    const startedMs = performance.now();
    at.shim.process.kill("SIGTERM");
    expect(await at.shim.ended()).toMatchObject({ code: 0 });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await at.start();
    expect(await at.settled(String(body["loadbalancer"]["id"]))).toBe("ACTIVE");
  });

  realTest("an update, a failover and a delete", { timeout: 240_000 }, async () => {
    const at = await createShimMachine();
    const web = await createWeb(at, [1]);
    expect(await at.settled(web.id)).toBe("ACTIVE");
    for (const [n, delayMs] of [0, 30, 100].entries()) {
      const { body } = await at.call("POST", "/v2.0/lbaas/listeners", {
        listener: { loadbalancer_id: web.id, protocol: "HTTP", protocol_port: 8000 + n, default_pool_id: web.pool },
      });
      await sleep(delayMs);
      await at.kill();
      await at.start();
      expect(await at.settled(web.id), `killed ${delayMs} ms after an update`).toBe("ACTIVE");
      const port = body["listener"]["protocol_port"];
      await waitFor(
        "the new listener to serve",
        async () => (await at.get(`${web.vip.slice(0, -1)}:${port}`)) === "m1",
      );
    }
    for (const delayMs of delaysMs) {
      const before = await expectOneAmphora(at, web.id);
      await at.call("PUT", `/v2.0/lbaas/loadbalancers/${web.id}/failover`, {});
      await sleep(delayMs);
      await at.kill();
      await at.start();
      expect(await at.settled(web.id), `killed ${delayMs} ms after a failover`).toBe("ACTIVE");
      expect(await expectOneAmphora(at, web.id)).not.toBe(before);
      await waitFor("its successor to serve", async () => (await at.get(web.vip)) === "m1");
    }
    await at.call("DELETE", `/v2.0/lbaas/loadbalancers/${web.id}?cascade=true`);
    await sleep(20);
    await at.kill();
    await at.start();
    expect(await at.settled(web.id)).toBe("gone");
    await waitFor(
      "the amphora to be gone",
      async () => (await readdir(join(at.stateDirectory, "amphorae"))).length === 0,
    );
  });
});

realTest(
  "starting says where everything is; what stands in the way is one clear line",
  { timeout: 60_000 },
  async () => {
    const at = await createShimMachine();
    const output = at.shim.output();
    expect(output).toContain("API:      http://127.0.0.1:9876");
    expect(output).toContain(`state:    ${at.stateDirectory}`);
    expect(output).toContain(`network:  ${at.machine.instance}-vip 198.18.1.0/24, this machine is 198.18.1.1`);

    const second = await at.machine.launch("main.ts", ["--config-file", at.configurationFile]).ended();
    expect(second.code).toBe(1);
    expect(second.output).toMatch(/^krater: another shim \(pid \d+\) uses the state folder \S+: stop it, .+\n$/);

    const startedMs = performance.now();
    at.shim.process.kill("SIGTERM");
    expect((await at.shim.ended()).code).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(2_000);

    const nobody = await at.machine.launch("main.ts", [], { uid: 65_534 }).ended();
    expect(nobody).toMatchObject({ code: 1, output: expect.stringMatching(/^krater: .* needs root: use sudo\n$/) });

    const bad = await at.machine.run("sh", ["-c", `printf '[api]\\nprot = 1\\n' > ${at.stateDirectory}/bad.toml`]);
    expect(bad.code).toBe(0);
    const refused = await at.machine.launch("main.ts", ["--config-file", join(at.stateDirectory, "bad.toml")]).ended();
    expect(refused).toMatchObject({
      code: 78,
      output: `${at.stateDirectory}/bad.toml:2: api.prot: is not a setting\n`,
    });

    const squatter = at.machine.launch("start/member-server.ts", ["--address", "127.0.0.1", "--port", "9876"]);
    await waitFor("the port to be taken", async () => (await at.get("http://127.0.0.1:9876/health")) === "healthy\n");
    const blocked = await at.machine.launch("main.ts", ["--config-file", at.configurationFile]).ended();
    expect(blocked.code).toBe(1);
    expect(blocked.output).toContain(
      "krater: the API cannot be served: 127.0.0.1:9876 is taken by another program: stop that",
    );
    squatter.process.kill("SIGKILL");
  },
);
