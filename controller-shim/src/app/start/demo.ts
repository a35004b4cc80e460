import { statSync } from "node:fs";
import { ApiClient } from "../krater/api-client.ts";
import { findProcesses, isInitOfItsNamespace, networkNamespaceOf, type ProcessIdentity, send } from "../processes.ts";
import { until } from "./deadline.ts";
import { DemoLoadBalancer, gatewayOf, type MemberView } from "./demo-load-balancer.ts";
import { createDemoMember, type DemoMember, MEMBERS_MAX } from "./demo-member.ts";
import type { RunLedger } from "./run-ledger.ts";
import type { DemoSettings } from "./settings.ts";
import { ShimProcess } from "./shim-process.ts";
import { Traffic } from "./traffic.ts";

const ONLINE_SECONDS = 20;

/** Everything the main job runs: shim, load balancer, members, traffic; and what the keys and the check do to it. */
export class Demo {
  readonly settings: DemoSettings;
  readonly api: ApiClient;
  readonly shim: ShimProcess;
  readonly loadBalancer: DemoLoadBalancer;
  readonly members: DemoMember[];
  readonly traffic: Traffic;
  readonly #ledger: RunLedger;
  readonly #signal: AbortSignal;

  private constructor(
    parts: Pick<Demo, "settings" | "api" | "shim" | "loadBalancer" | "members" | "traffic">,
    ledger: RunLedger,
    signal: AbortSignal,
  ) {
    this.settings = parts.settings;
    this.api = parts.api;
    this.shim = parts.shim;
    this.loadBalancer = parts.loadBalancer;
    this.members = parts.members;
    this.traffic = parts.traffic;
    this.#ledger = ledger;
    this.#signal = signal;
  }

  static async start(
    settings: DemoSettings,
    ledger: RunLedger,
    report: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Demo> {
    const api = new ApiClient({ url: `http://127.0.0.1:${settings.apiPort}` });
    const shim = new ShimProcess(settings, ledger, api);
    report(`starting the controller shim, API at ${api.url}`);
    await shim.start(signal);
    const context = {
      instance: settings.instance,
      network: settings.networks.members,
      gateway: await gatewayOf(api, settings.networks.members, signal),
      ledger,
    };
    report("starting two members, web servers in namespaces of their own");
    const members = [await createDemoMember(1, context), await createDemoMember(2, context)];
    const loadBalancer = await DemoLoadBalancer.create(api, settings.networks, report, signal);
    for (const member of members) {
      signal.throwIfAborted();
      report(`adding member ${member.name}, ${member.address}:${member.port}`);
      await loadBalancer.addMember(member, signal);
    }
    const seen = { status: "nothing" };
    await until(
      "the load balancer and its members to be ONLINE",
      { seconds: ONLINE_SECONDS, signal, everyMs: 100, describe: () => seen.status },
      async () => {
        const words = [await loadBalancer.show(signal), ...(await loadBalancer.members(signal))].map(
          (each) => `${each.name} ${each.operating_status}`,
        );
        seen.status = words.join(", ");
        return words.every((each) => each.endsWith(" ONLINE")) || undefined;
      },
    );
    report(`${loadBalancer.vipUrl} is ACTIVE and ONLINE`);
    const target = { host: loadBalancer.vipAddress, port: 80 };
    const traffic = new Traffic(target, settings.requestsPerSecond);
    return new Demo({ settings, api, shim, loadBalancer, members, traffic }, ledger, signal);
  }

  async addMember(): Promise<DemoMember> {
    if (this.members.length >= MEMBERS_MAX)
      throw new Error(`there are ${MEMBERS_MAX} members, and no more keys for them`);
    const { instance, networks } = this.settings;
    const member = await createDemoMember(this.members.length + 1, {
      instance,
      network: networks.members,
      gateway: await gatewayOf(this.api, networks.members, this.#signal),
      ledger: this.#ledger,
    });
    this.members.push(member);
    await this.loadBalancer.addMember(member, this.#signal);
    return member;
  }

  /** Weight 0 takes no new traffic and finishes the old; again, and it is back. Gives the weight now set. */
  async toggleDrain(member: DemoMember): Promise<number> {
    const known = await this.memberView(member);
    if (!known) throw new Error(`the API knows no member ${member.name}`);
    const weight = known.weight === 0 ? 1 : 0;
    await this.loadBalancer.setWeight(known.id, weight, this.#signal);
    return weight;
  }

  async memberView(member: DemoMember): Promise<MemberView | undefined> {
    return (await this.loadBalancer.members(this.#signal)).find((each) => each.address === member.address);
  }

  /** kill -9 of the amphora's first process: the kernel ends everything in it. */
  async killAmphora(): Promise<RunningAmphora> {
    const [amphora] = await this.runningAmphorae();
    if (!amphora) throw new Error("no amphora runs at the moment");
    send(amphora.init, "SIGKILL");
    return amphora;
  }

  /** Amphorae of the load balancer whose first process lives. */
  async runningAmphorae(): Promise<RunningAmphora[]> {
    const amphorae = await this.loadBalancer.amphorae(this.#signal);
    return amphorae.flatMap(({ id }) => {
      const init = findAmphoraInit(`${this.settings.instance}-${id.slice(0, 8)}`);
      return init ? [{ id, init }] : [];
    });
  }
}

export interface RunningAmphora {
  id: string;
  init: ProcessIdentity;
}

function findAmphoraInit(namespace: string): ProcessIdentity | undefined {
  const inode = statSync(`/run/netns/${namespace}`, { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return undefined;
  const [init] = findProcesses((pid) => networkNamespaceOf(pid) === `net:[${inode}]` && isInitOfItsNamespace(pid));
  return init;
}
