import type { Service } from "../core/services/service-manager.ts";
import { FakeMachine, FakeServiceManager } from "./fake-service-manager.ts";
import { serviceManagerSuite } from "./service-manager-suite.ts";

serviceManagerSuite("fake services", async () => {
  const machine = new FakeMachine();
  const managers: FakeServiceManager[] = [];
  return {
    manager: () => {
      const manager = new FakeServiceManager(machine);
      managers.push(manager);
      return manager;
    },
    service: async (name) => exampleService(name),
    spoil: async (name) => void machine.broken.set(name, "nonsense"),
    mend: async (name) => void machine.broken.delete(name),
    kill: (name) => managers.at(-1)?.kill(name),
    isAlive: (pid) => [...machine.running.values()].some((each) => each.pid === pid),
  };
});

function exampleService(name: string): Service {
  return {
    name,
    description: name,
    program: "/usr/sbin/haproxy",
    arguments: [],
    checkArguments: [],
    pidFile: `/f/${name}.pid`,
    controlSocket: `/r/${name}.sock`,
    ready: async () => undefined,
  };
}
