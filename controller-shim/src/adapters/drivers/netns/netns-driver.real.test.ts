import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFile, readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { createNetnsMachine, leg, type NetnsMachine } from "../../../../../test/harness/netns-machine.ts";
import { hasTool } from "../../../../../test/harness/tools.ts";
import { waitFor } from "../../../../../test/harness/wait-for.ts";
import type { AmphoraSpecification } from "../../../core/drivers/compute-driver.ts";
import { findInit } from "./init-process.ts";
import { shortIdOf } from "./names.ts";
import type { Programs } from "./programs.ts";

const ready = ["ip", "unshare", "nsenter", "curl"].every(hasTool) && process.getuid?.() === 0;

describe.skipIf(!ready)("netns driver", () => {
  test("an amphora is a machine of its own: root, processes, network, limits", async () => {
    const machine = await createNetnsMachine();
    const { specification, folder } = await start(machine, 10, ["198.18.1.100"]);

    const who = await machine.ask("198.18.0.10", "/who");
    expect(who.hostname).toBe(`amphora-${specification.amphoraId}`);
    expect(who.node).toEqual(["--max-semi-space-size=1", "--max-old-space-size=96"]);
    expect(who.args.join(" ")).toBe(
      "--config-file /run/octavia/amphora-agent.conf --config-file /run/octavia/krater.conf",
    );
    expect(Object.keys(who.env).toSorted()).toEqual(["HOME", "LANG", "OLDPWD", "PATH", "PWD"]);

    const inside = async (...program: string[]): Promise<string> =>
      (await machine.ask("198.18.1.100", "/run", ...program)).output.trim();
    expect(await inside("stat", "-c", "%a %n", "/run/octavia", "/run/octavia/server.pem")).toBe(
      "700 /run/octavia\n600 /run/octavia/server.pem",
    );
    expect(await inside("stat", "-f", "-c", "%T", "/run/octavia", "/var/lib/octavia/certs")).toBe("tmpfs\ntmpfs");
    expect(await inside("ls", "/")).toBe(
      ["bin", "dev", "etc", "krater", "lib", "lib64", "proc", "run", "sbin", "sys", "tmp", "usr", "var"].join("\n"),
    );
    expect(await inside("touch", "/etc/x", "/usr/x", "/x")).toContain("Read-only file system");
    expect(await inside("ls", folder)).toContain("No such file or directory");
    expect(await inside("cat", "/proc/1/comm")).toBe("sh");
    expect(await inside("ls", "/sys/class/net")).toBe("eth0\neth1\nlo");
    expect(await inside("cat", "/proc/sys/net/ipv4/ip_nonlocal_bind")).toBe("1");
    expect(await inside("cat", "/proc/sys/net/ipv4/conf/all/arp_notify")).toBe("1");
    expect(await inside("ip", "-4", "route", "show", "default")).toBe("default via 198.18.1.1 dev eth1");
    expect(machine.warnings).toEqual([]);
    const group = join("memory", machine.instance, shortIdOf(specification.amphoraId));
    const limits = [`${group}/memory.limit_in_bytes`, `${group}/memory.max`.replace("memory/", "")];
    const seen = await Promise.all(limits.map((path) => readFile(`/sys/fs/cgroup/${path}`, "utf8").catch(() => "")));
    expect(seen.join("").trim()).toBe(String(256 * 2 ** 20));
    expect((await machine.ask("198.18.0.10", "/run", "cat", "/proc/self/cgroup")).output).toContain(
      `/${machine.instance}/${shortIdOf(specification.amphoraId)}`,
    );
  });

  test("secrets are in the amphora's memory and nowhere else", async () => {
    const machine = await createNetnsMachine();
    await start(machine, 10);
    const secret = `secret-${machine.instance}`;
    expect((await machine.ask("198.18.0.10", "/run", "cat", "/run/octavia/server.pem")).output.trim()).toBe(secret);
    await machine.ask("198.18.0.10", "/run", "cp", "/run/octavia/server.pem", "/var/lib/octavia/certs/tenant.pem");
    await machine.ask("198.18.0.10", "/run", "sh", "-c", "echo kept > /var/lib/octavia/kept");

    const files = await readdir(machine.folder, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), "utf8")),
    );
    expect(texts).toContain("kept\n");
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      for (const name of ["cmdline", "environ"]) {
        const text = await readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
        expect(text.includes(secret), `secret in /proc/${pid}/${name}`).toBe(false);
      }
    }
  });

  test("ensuring what is there already only looks", async () => {
    const machine = await createNetnsMachine();
    const ran: string[] = [];
    const driver = machine.driver((real) => ({
      run: (program, args, options) => {
        ran.push([program, ...args].join(" "));
        return real.run(program, args, options);
      },
      launch: (program, args, options) => {
        ran.push("launch");
        return real.launch(program, args, options);
      },
    }));
    const specification = machine.specification(10, ["198.18.1.100"]);
    await driver.prepare(deadline());
    await driver.ensure(specification, deadline());
    expect(ran).toContain("launch");
    ran.length = 0;
    await driver.prepare(deadline());
    await driver.ensure(specification, deadline());
    expect(ran.filter((command) => !/^ip .*show|^unshare|^iptables -S|^nft -j list/.test(command))).toEqual([]);
  });

  test("an agent that ends is started again, and what it left behind goes on", async () => {
    const machine = await createNetnsMachine();
    await start(machine, 10);
    const haproxy = await machine.ask("198.18.0.10", "/leave", "sleep", "1000");
    for (const signal of ["-KILL", "-TERM", "-KILL"]) {
      const before = await machine.ask("198.18.0.10", "/who");
      await machine.ask("198.18.0.10", "/leave", "sh", "-c", `sleep 0.1; kill ${signal} ${before.pid}`);
      await waitFor("a new agent", async () => (await machine.ask("198.18.0.10", "/who")).pid !== before.pid);
      const parent = await machine.ask("198.18.0.10", "/run", "ps", "-o", "ppid=,args=", "-p", String(haproxy.pid));
      expect(parent.output.trim()).toBe("1 sleep 1000");
    }
    // Orphans that end are reaped.
    await machine.ask("198.18.0.10", "/leave", "sh", "-c", "sleep 0.05 & exit 0");
    await waitFor("no zombie", async () => {
      const { output } = await machine.ask("198.18.0.10", "/run", "ps", "-A", "-o", "stat=");
      return !output.includes("Z");
    });
  });

  test("an amphora whose init was killed is not running; ensure brings it back with what it kept on disk", async () => {
    const machine = await createNetnsMachine();
    const { driver, specification, folder } = await start(machine, 10, ["198.18.1.100"]);
    await machine.ask("198.18.0.10", "/run", "sh", "-c", "echo intent > /var/lib/octavia/plugged_interfaces");
    await machine.ask("198.18.0.10", "/leave", "sleep", "1000");
    expect(await driver.observe()).toEqual([{ amphoraId: specification.amphoraId, running: true }]);
    process.kill((await findInit(folder))?.pid ?? 0, "SIGKILL");
    await waitFor("the init's end", async () => (await driver.observe())[0]?.running === false);

    await driver.ensure(specification, deadline());
    expect(await driver.observe()).toEqual([{ amphoraId: specification.amphoraId, running: true }]);
    await answers(machine, "198.18.1.100");
    const { output } = await machine.ask("198.18.1.100", "/run", "cat", "/var/lib/octavia/plugged_interfaces");
    expect(output).toBe("intent\n");
    const { output: processes } = await machine.ask("198.18.1.100", "/run", "ps", "-A", "-o", "args=");
    expect(processes).not.toContain("sleep 1000");
  });

  test("SIGTERM to the init ends the amphora", async () => {
    const machine = await createNetnsMachine();
    const { driver, folder } = await start(machine, 10);
    process.kill((await findInit(folder))?.pid ?? 0, "SIGTERM");
    await waitFor("the init's end", async () => (await driver.observe())[0]?.running === false);
  });

  test("legs and virtual addresses come and go while the amphora runs", async () => {
    const machine = await createNetnsMachine();
    const { driver, specification, folder } = await start(machine, 10);
    const init = await findInit(folder);
    const [management, vip] = specification.legs;
    if (!management || !vip) throw new Error("two legs");
    const addresses = async (name: string): Promise<string[]> => {
      const { output } = await machine.ask("198.18.0.10", "/run", "ip", "-o", "addr", "show", "dev", name);
      return [...output.matchAll(/inet6? (\S+)/g)]
        .map((match) => match[1] ?? "")
        .filter((each) => !each.startsWith("fe80"));
    };
    const change = (legs: AmphoraSpecification["legs"], gateway?: string): Promise<void> =>
      driver.ensure({ ...specification, legs, gateway }, deadline());

    await change([management, { ...vip, virtualAddresses: ["198.18.1.100", "FD00:0:0::1"] }], "198.18.0.1");
    expect((await addresses("eth1")).toSorted()).toEqual(["198.18.1.10/24", "198.18.1.100/32", "fd00::1/128"]);
    const route = await machine.ask("198.18.0.10", "/run", "ip", "-4", "route", "show", "default");
    expect(route.output.trim()).toBe("default via 198.18.0.1 dev eth0");
    await change([management, { ...vip, virtualAddresses: ["198.18.1.101"] }, leg("eth2", "member", "198.18.2.10")]);
    expect((await addresses("eth1")).toSorted()).toEqual(["198.18.1.10/24", "198.18.1.101/32"]);
    expect(await addresses("eth2")).toEqual(["198.18.2.10/24"]);
    await answers(machine, "198.18.2.10");
    await change([management]);
    const { output } = await machine.ask("198.18.0.10", "/run", "ls", "/sys/class/net");
    expect(output).toBe("eth0\nlo\n");
    expect(await findInit(folder)).toEqual(init);
  });

  test("a VIP that moves is reached at once by a client that knew the old holder", async () => {
    const machine = await createNetnsMachine();
    const vip = "198.18.1.100";
    const { driver, specification: first } = await start(machine, 10, [vip]);
    const second = machine.specification(11);
    await driver.ensure(second, deadline());
    await answers(machine, "198.18.1.11");
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      expect((await machine.ask(vip, "/who")).hostname).toBe(`amphora-${from.amphoraId}`);
      const known = await neighbour(machine, vip);
      await driver.ensure(holding(from, []), deadline());
      await driver.ensure(holding(to, [vip]), deadline());
      expect(await neighbour(machine, vip)).not.toBe(known);
      const began = performance.now();
      expect((await machine.ask(vip, "/who")).hostname).toBe(`amphora-${to.amphoraId}`);
      expect(performance.now() - began).toBeLessThan(500); // an unanswered neighbour probe alone takes a second
    }
  });

  test("destroy leaves nothing, and is fine where there is nothing", async () => {
    const machine = await createNetnsMachine();
    await machine.driver().destroy(randomUUID(), deadline());
    const { driver, specification } = await start(machine, 10, ["198.18.1.100"]);
    await machine.ask("198.18.0.10", "/leave", "sleep", "1000");
    const other = machine.specification(11);
    await driver.ensure(other, deadline());
    await driver.destroy(specification.amphoraId, deadline());
    await driver.destroy(specification.amphoraId, deadline());
    expect((await machine.traces()).filter((trace) => trace.includes(shortIdOf(specification.amphoraId)))).toEqual([]);
    await answers(machine, "198.18.0.11");
    await driver.destroyAll(deadline());
    await driver.destroyAll(deadline());
    expect(await machine.traces()).toEqual([]);
  });

  test("a namespace that lost its name gets it back, and the amphora goes on", async () => {
    const machine = await createNetnsMachine();
    const { driver, specification, folder } = await start(machine, 10);
    const init = await findInit(folder);
    const name = `${machine.instance}-${shortIdOf(specification.amphoraId)}`;
    await promisify(execFile)("ip", ["netns", "delete", name]);
    await driver.ensure(specification, deadline());
    expect(await findInit(folder)).toEqual(init);
    await answers(machine, "198.18.0.10");
  });

  test("the log is bounded", async () => {
    const machine = await createNetnsMachine();
    const { driver, specification, folder } = await start(machine, 10);
    const log = join(folder, "agent.log");
    expect(await readFile(log, "utf8")).toContain("stand-in agent up");
    await truncate(log, 6 * 2 ** 20);
    await driver.ensure(specification, deadline());
    expect((await stat(log)).size).toBe(0);
    await appendFile(log, "x".repeat(6 * 2 ** 20));
    const { pid } = await machine.ask("198.18.0.10", "/who");
    await machine.ask("198.18.0.10", "/leave", "sh", "-c", `sleep 0.1; kill -KILL ${pid}`);
    await waitFor("a new agent", async () => (await machine.ask("198.18.0.10", "/who")).pid !== pid);
    expect((await stat(log)).size).toBeLessThan(2 ** 20);
  });

  test.for<{ name: string; change: (specification: AmphoraSpecification) => object; kind: string; why: string }>([
    {
      name: "an id with a path in it",
      change: () => ({ amphoraId: "../../etc" }),
      kind: "other",
      why: '"../../etc" is not an amphora id',
    },
    {
      name: "a boot file that would be written to disk",
      change: () => ({ bootFiles: [{ path: "/var/lib/octavia/server.pem", mode: 0o600, content: "" }] }),
      kind: "other",
      why: "/var/lib/octavia/server.pem is not below /run/octavia",
    },
    {
      name: "a boot file that climbs out",
      change: () => ({ bootFiles: [{ path: "/run/octavia/../../x", mode: 0o600, content: "" }] }),
      kind: "other",
      why: "is not below /run/octavia",
    },
    {
      name: "a subnet that is not here",
      change: () => ({ legs: [{ ...leg("eth0", "vip", "198.18.0.10"), subnetId: "elsewhere" }] }),
      kind: "unsupported",
      why: "subnet elsewhere is not on this machine",
    },
    {
      name: "an address with a second line",
      change: () => ({ legs: [leg("eth0", "vip", "198.18.0.10\nlink del dev lo")] }),
      kind: "other",
      why: "is not an IP address",
    },
    {
      name: "a gateway that is none",
      change: () => ({ gateway: "x" }),
      kind: "other",
      why: '"x" is not an IP address',
    },
    {
      name: "an interface with another name",
      change: () => ({ legs: [leg("lo", "vip", "198.18.0.10")] }),
      kind: "other",
      why: "no interface lo",
    },
    {
      name: "a gateway nobody can reach",
      change: () => ({ gateway: "203.0.113.1" }),
      kind: "other",
      why: "Nexthop has invalid gateway",
    },
  ])("$name is refused with words", async ({ change, kind, why }) => {
    const machine = await createNetnsMachine();
    const specification = { ...machine.specification(10), ...change(machine.specification(10)) };
    const failure = machine.driver().ensure(specification, deadline());
    await expect(failure).rejects.toMatchObject({ name: "DriverError", kind, message: expect.stringContaining(why) });
  });

  test("boot files that do not arrive whole start no agent", async () => {
    const machine = await createNetnsMachine();
    const cut = (real: Programs): Programs => ({
      run: (program, args, options) => real.run(program, args, options),
      launch: (program, args, options) =>
        real.launch(program, args, { ...options, input: options.input.subarray(0, 1500) }),
    });
    const specification = machine.specification(10);
    await expect(machine.driver(cut).ensure(specification, deadline())).rejects.toThrow(
      "its init says: the boot files did not arrive whole",
    );
    expect(await machine.driver().observe()).toEqual([{ amphoraId: specification.amphoraId, running: false }]);
    await machine.driver().ensure(specification, deadline());
    await answers(machine, "198.18.0.10");
  });

  test("one more amphora is refused when there are enough, or when memory is short", async () => {
    const machine = await createNetnsMachine();
    const driver = machine.driver();
    await driver.prepare(deadline());
    await driver.admit();
    const greedy = machine.driver((real) => real, { memoryPerAmphoraBytes: 2 ** 50 });
    await expect(greedy.admit()).rejects.toMatchObject({
      kind: "out-of-resources",
      message: expect.stringMatching(/^one more amphora needs 1073741824 MiB of memory, \d+ MiB are free$/),
    });
    for (const number of [10, 11, 12]) await driver.ensure(machine.specification(number), deadline());
    await expect(driver.admit()).rejects.toMatchObject({
      kind: "out-of-resources",
      message: "3 amphorae run here already, and 3 is the limit",
    });
  });
});

async function start(machine: NetnsMachine, number: number, virtualAddresses: string[] = []) {
  const driver = machine.driver();
  const specification = machine.specification(number, virtualAddresses);
  await driver.prepare(deadline());
  await driver.ensure(specification, deadline());
  await answers(machine, `198.18.0.${number}`);
  return { driver, specification, folder: join(machine.folder, "state/amphorae", specification.amphoraId) };
}

async function answers(machine: NetnsMachine, address: string): Promise<void> {
  await waitFor(`an answer from ${address}`, () => machine.ask(address, "/who"));
}

async function neighbour(machine: NetnsMachine, address: string): Promise<string | undefined> {
  const entries = JSON.parse(await machine.exec("ip", "-j", "neigh", "show", address)) as { lladdr?: string }[];
  return entries[0]?.lladdr;
}

function holding(specification: AmphoraSpecification, virtualAddresses: string[]): AmphoraSpecification {
  const legs = specification.legs.map((each) => (each.name === "eth1" ? { ...each, virtualAddresses } : each));
  return { ...specification, legs };
}

function deadline(): AbortSignal {
  return AbortSignal.timeout(30_000);
}
