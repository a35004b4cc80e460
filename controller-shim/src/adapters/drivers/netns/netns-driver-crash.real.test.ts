import { spawn } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createNetnsMachine, type NetnsMachine } from "../../../../../test/harness/netns-machine.ts";
import { hasTool } from "../../../../../test/harness/tools.ts";
import { waitFor } from "../../../../../test/harness/wait-for.ts";
import type { AmphoraSpecification } from "../../../core/drivers/compute-driver.ts";
import { findInit } from "./init-process.ts";
import type { Programs } from "./programs.ts";

const ready = ["ip", "unshare", "nsenter", "curl"].every(hasTool) && process.getuid?.() === 0;

/** How the controller dies at its n-th program: before it, after it, or with half of its input read. */
const deaths = ["before", "after", "halfway"] as const;

class Killed extends Error {}

describe.skipIf(!ready)("netns driver, killed", () => {
  test.for(deaths)("in ensure, %s any of its programs: the next ensure completes it", async (death) => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10, ["198.18.1.100"]);
    const count = await forEachProgram(machine, death, (driver) => driver.ensure(specification, deadline()), {
      after: async () => {
        const driver = machine.driver();
        await driver.ensure(specification, deadline());
        await whole(machine, specification);
        await driver.destroyAll(deadline());
        expect(await machine.traces()).toEqual([]);
      },
    });
    expect(count).toBeGreaterThan(8);
  });

  test.for(deaths)("in ensure, %s any of its programs: destroy leaves nothing of it", async (death) => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10, ["198.18.1.100"]);
    await machine.driver().prepare(deadline());
    const shared = await machine.traces();
    await forEachProgram(machine, death, (driver) => driver.ensure(specification, deadline()), {
      after: async () => {
        await machine.driver().destroy(specification.amphoraId, deadline());
        const left = (await machine.traces()).filter((trace) => !trace.startsWith("control group"));
        expect(left.toSorted()).toEqual(shared.toSorted());
      },
    });
  });

  test.for(deaths)("in destroy, %s any of its programs: the next destroy completes it", async (death) => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10, ["198.18.1.100"]);
    const count = await forEachProgram(machine, death, (driver) => driver.destroyAll(deadline()), {
      before: () => machine.driver().ensure(specification, deadline()),
      after: async () => {
        await machine.driver().destroyAll(deadline());
        expect(await machine.traces()).toEqual([]);
      },
    });
    expect(count).toBeGreaterThan(4);
  });

  test("two controllers that ensure the same amphora at once give it one init", async () => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10);
    for (let round = 0; round < 3; round++) {
      await machine.driver().prepare(deadline());
      await machine.driver().ensure({ ...specification, legs: [], gateway: undefined }, deadline());
      process.kill((await findInit(folderOf(machine, specification)))?.pid ?? 0, "SIGKILL");
      await waitFor("its end", async () => (await machine.driver().observe())[0]?.running === false);
      await Promise.allSettled([1, 2, 3].map(() => machine.driver().ensure(specification, deadline())));
      await machine.driver().ensure(specification, deadline());
      await whole(machine, specification);
    }
  });

  test("an amphora whose folder was removed while it ran is replaced, and cleaned away without it", async () => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10, ["198.18.1.100"]);
    await machine.driver().ensure(specification, deadline());
    const forget = (): Promise<void> => rm(join(machine.folder, "state"), { recursive: true });
    await forget();
    await machine.driver().ensure(specification, deadline());
    await whole(machine, specification);
    await forget();
    await machine.driver().destroyAll(deadline());
    expect(await machine.traces()).toEqual([]);
  });

  test.for([
    { how: "nsenter", enter: (name: string) => ["nsenter", `--net=/run/netns/${name}`] },
    { how: "ip netns exec, which gives it mounts of its own", enter: (name: string) => ["ip", "netns", "exec", name] },
  ])("a controller process (started by $how) that gets SIGKILL at any moment", async ({ enter }) => {
    const machine = await createNetnsMachine();
    const specification = machine.specification(10, ["198.18.1.100"]);
    const script = join(machine.folder, "controller.mjs");
    await writeFile(script, controllerScript(machine, specification));
    const controller = (): { ended: Promise<number | null>; kill(): void } => {
      const [program, ...args] = [...enter(machine.hostNamespace), process.execPath, script];
      const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
      return {
        ended: new Promise((resolve) => child.once("exit", resolve)),
        kill: () => void child.kill("SIGKILL"),
      };
    };
    // The process itself needs some 100 ms to come up; its work is spread over the 300 ms after that.
    for (let afterMs = 80; afterMs < 400; afterMs += 40) {
      const killed = controller();
      await sleep(afterMs);
      killed.kill();
      await killed.ended;
      expect(await controller().ended).toBe(0);
      await whole(machine, specification);
      const init = await findInit(folderOf(machine, specification));
      // A controller that starts again finds the amphora running and leaves it alone.
      expect(await controller().ended).toBe(0);
      expect(await findInit(folderOf(machine, specification))).toEqual(init);
      await machine.driver().destroyAll(deadline());
      expect(await machine.traces()).toEqual([]);
    }
  });
});

/** Runs `work` again and again, dying at its first program, its second, ... until it comes through. */
async function forEachProgram(
  machine: NetnsMachine,
  death: (typeof deaths)[number],
  work: (driver: ReturnType<NetnsMachine["driver"]>) => Promise<void>,
  around: { before?: () => Promise<void>; after: () => Promise<void> },
): Promise<number> {
  for (let n = 1; n < 100; n++) {
    await around.before?.();
    const outcome = await work(machine.driver((real) => dyingAt(n, death, real))).then(
      () => "done",
      (error: Error) => error,
    );
    if (outcome instanceof Error && !diedOf(outcome)) throw outcome;
    await around.after();
    if (outcome === "done") return n;
  }
  throw new Error("it never came through");
}

function diedOf(error: unknown): boolean {
  return error instanceof Killed || (error instanceof Error && diedOf(error.cause));
}

function dyingAt(n: number, death: (typeof deaths)[number], real: Programs): Programs {
  let left = n;
  /** A dead controller runs nothing any more: every later program fails as well. */
  const step = async <Result>(run: (half: boolean) => Promise<Result>): Promise<Result> => {
    left -= 1;
    if (left > 0) return run(false);
    if (left === 0 && death !== "before") await run(death === "halfway").catch(() => {});
    throw new Killed(`killed ${death} program ${n}`);
  };
  return {
    run: (program, args, options) =>
      step((half) => {
        if (!half) return real.run(program, args, options);
        const lines = (options.input ?? "").split("\n").slice(0, -1);
        const input = lines.slice(0, Math.floor(lines.length / 2)).join("\n");
        return real.run(program, args, { ...options, input });
      }),
    launch: (program, args, options) =>
      step((half) => {
        const input = half ? options.input.subarray(0, 1500) : options.input;
        return real.launch(program, args, { ...options, input });
      }),
  };
}

async function whole(machine: NetnsMachine, specification: AmphoraSpecification): Promise<void> {
  expect(await machine.driver().observe()).toEqual([{ amphoraId: specification.amphoraId, running: true }]);
  for (const leg of specification.legs) {
    for (const address of [leg.address, ...leg.virtualAddresses]) {
      const who = await waitFor(`an answer from ${address}`, () => machine.ask(address, "/who"));
      expect(who.hostname).toBe(`amphora-${specification.amphoraId}`);
    }
  }
  const { output } = await machine.ask(specification.legs[0]?.address ?? "", "/run", "ip", "route", "show", "default");
  expect(output).toContain(`via ${specification.gateway}`);
  expect(await inits(machine)).toHaveLength(1);
}

/** Processes that are, or are about to be, an init of this machine's amphorae. */
async function inits(machine: NetnsMachine): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [commandLine, name] = await Promise.all(
      ["cmdline", "comm"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
    );
    if (commandLine?.includes(machine.folder) && commandLine.includes("init.sh") && name === "sh\n") found.push(pid);
  }
  return found;
}

function folderOf(machine: NetnsMachine, specification: AmphoraSpecification): string {
  return join(machine.folder, "state/amphorae", specification.amphoraId);
}

function controllerScript(machine: NetnsMachine, specification: AmphoraSpecification): string {
  const ignore = "() => {}";
  return `
import { NetnsDriver } from ${JSON.stringify(new URL("netns-driver.ts", import.meta.url).href)};
const driver = new NetnsDriver({
  ...${JSON.stringify({
    instance: machine.instance,
    stateDirectory: join(machine.folder, "state"),
    networks: machine.networks,
    agentBundle: machine.agentBundle,
    amphoraeMax: 3,
    memoryPerAmphoraBytes: 2 ** 20,
  })},
  log: { info: ${ignore}, warn: ${ignore}, error: ${ignore}, debug: ${ignore} },
});
await driver.prepare(AbortSignal.timeout(30_000));
await driver.ensure(${JSON.stringify(specification)}, AbortSignal.timeout(30_000));
`;
}

function deadline(): AbortSignal {
  return AbortSignal.timeout(30_000);
}
