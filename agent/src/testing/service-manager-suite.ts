import { describe, expect, test } from "vitest";
import type { Service, ServiceEvent, ServiceManager } from "../core/services/service-manager.ts";

/** One machine with services on it; `manager` may be asked for several times, as agents come and go. */
export interface ServiceWorld {
  manager(): ServiceManager;
  service(name: string): Promise<Service>;
  /** From now on the service dies when started, saying "nonsense"; `mend` undoes it. */
  spoil(name: string): Promise<void>;
  mend(name: string): Promise<void>;
  /** SIGKILL, or what comes closest. */
  kill(name: string, pid: number): void;
  isAlive(pid: number): boolean;
}

const never = new AbortController().signal;

/** What every `ServiceManager` does. */
export function serviceManagerSuite(title: string, make: () => Promise<ServiceWorld>): void {
  describe(title, () => {
    test("what was never heard of is stopped, may be stopped, and cannot be reloaded", async () => {
      const manager = (await make()).manager();
      expect(await manager.state("svc-x")).toEqual({ state: "stopped" });
      await manager.stop("svc-x", never);
      await expect(manager.reload("svc-x", never)).rejects.toMatchObject({ code: "action-failed" });
    });

    test("a start that fails says why, and nothing runs", async () => {
      const world = await make();
      const manager = world.manager();
      const service = await world.service("svc-a");
      await world.spoil("svc-a");
      await expect(manager.start(service, never)).rejects.toMatchObject({
        code: "action-failed",
        details: expect.stringContaining("nonsense"),
      });
      expect(await manager.state("svc-a")).toEqual({ state: "stopped" });
    });

    test("a start runs, a second one changes nothing, a stop ends it for good", async () => {
      const world = await make();
      const manager = world.manager();
      const events = listen(manager);
      const service = await world.service("svc-b");
      await manager.install(service, never);
      const { pid } = await manager.start(service, never);
      expect(world.isAlive(pid)).toBe(true);
      expect((await manager.start(service, never)).pid).toBe(pid);
      expect(await manager.state("svc-b")).toMatchObject({ state: "running", pid, foreign: false });
      await manager.stop("svc-b", never);
      expect(world.isAlive(pid)).toBe(false);
      expect(await manager.state("svc-b")).toEqual({ state: "stopped" });
      await manager.uninstall("svc-b", never);
      await manager.uninstall("svc-b", never);
      expect(events).toEqual([]);
    });

    test("a death is told, the service comes back by itself, and that is told too", async () => {
      const world = await make();
      const manager = world.manager();
      const events = listen(manager);
      const { pid } = await manager.start(await world.service("svc-c"), never);
      world.kill("svc-c", pid);
      await until(() => events.some(({ kind }) => kind === "restarted"));
      expect(events.map(({ kind }) => kind)).toEqual(["died", "restarted"]);
      expect(events[0]).toMatchObject({ name: "svc-c", pid });
      const state = await manager.state("svc-c");
      expect(state.state).toBe("running");
      expect(state).not.toMatchObject({ pid });
      await manager.stop("svc-c", never);
    });

    test("what cannot come back yet is restarting, and runs as soon as it can", async () => {
      const world = await make();
      const manager = world.manager();
      const service = await world.service("svc-d");
      await world.spoil("svc-d");
      await manager.keepRunning(service);
      await until(async () => {
        const state = await manager.state("svc-d");
        return state.state === "restarting" && state.attempt >= 1;
      });
      await world.mend("svc-d");
      await until(async () => (await manager.state("svc-d")).state === "running");
      await manager.stop("svc-d", never);
    });

    test("a stop ends the restarting", async () => {
      const world = await make();
      const manager = world.manager();
      await world.service("svc-e").then(async (service) => {
        await world.spoil("svc-e");
        await manager.keepRunning(service);
      });
      await manager.stop("svc-e", never);
      expect(await manager.state("svc-e")).toEqual({ state: "stopped" });
    });

    test("nothing runs: nothing is adopted", async () => {
      const world = await make();
      expect(await world.manager().adopt(await world.service("svc-f"))).toBeUndefined();
    });

    test("services go on without their manager; the next one adopts, hears of a death, and can stop them", async () => {
      const world = await make();
      const first = world.manager();
      const service = await world.service("svc-g");
      const { pid } = await first.start(service, never);
      first.close();
      expect(world.isAlive(pid)).toBe(true);
      const second = world.manager();
      const events = listen(second);
      expect((await second.adopt(service))?.pid).toBe(pid);
      expect(await second.state("svc-g")).toMatchObject({ state: "running", pid, foreign: false });
      world.kill("svc-g", pid);
      await until(() => events.some(({ kind }) => kind === "restarted"));
      const state = await second.state("svc-g");
      await second.stop("svc-g", never);
      expect(world.isAlive(state.state === "running" ? state.pid : 0)).toBe(false);
    });
  });
}

function listen(manager: ServiceManager): ServiceEvent[] {
  const events: ServiceEvent[] = [];
  manager.subscribe((event) => void events.push(event));
  return events;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 2_000; round++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it never came true");
}
