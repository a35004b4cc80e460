import { setTimeout as sleep } from "node:timers/promises";
import type { Demo } from "./demo.ts";
import type { AmphoraView, LoadBalancerView, MemberView } from "./demo-load-balancer.ts";
import type { DemoMember } from "./demo-member.ts";
import { openScreen } from "./screen.ts";
import { clockTime, renderView, type ViewModel } from "./view.ts";

interface Streams {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

/** Told which key it was. */
type Quit = (key: string) => void;

/** What a key does, and the words for it meanwhile. `act` gives the words for it done. */
interface Action {
  doing: string;
  act: () => Promise<string>;
}

const FRAME_MS = 250;
const ASK_MS = 500;
const LINE_EVERY_MS = 5_000;
const EVENTS_KEPT = 100;

/** Shows the demo until the signal aborts: a screen with keys on a terminal, plain lines anywhere else. */
export async function showLive(demo: Demo, streams: Streams, quit: Quit, signal: AbortSignal): Promise<void> {
  const live = new LiveModel(demo);
  const watching = live.watch(signal);
  if (streams.output.isTTY) await showScreen(live, streams, quit, signal);
  else await showLines(live, streams.output, signal);
  await watching;
}

async function showScreen(live: LiveModel, streams: Streams, quit: Quit, signal: AbortSignal): Promise<void> {
  const draw = () => screen.draw(renderView(live.view(), screen.size()));
  const screen = openScreen(streams, { key: (key) => live.press(key), quit, resized: draw });
  try {
    while (!signal.aborted) {
      draw();
      await sleep(FRAME_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    screen.close();
  }
}

async function showLines(live: LiveModel, output: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  let shown = 0;
  let lineMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    for (const event of live.events.filter((each) => each.number > shown)) {
      output.write(`${clockTime(event.atMs)}  ${event.text}\n`);
      shown = event.number;
    }
    if (performance.now() - lineMs >= LINE_EVERY_MS) {
      lineMs = performance.now();
      const { traffic, members } = live.view();
      const words = members.map((each) => `${each.name} ${each.operatingStatus} ${Math.round(each.share * 100)} %`);
      output.write(
        `${clockTime(Date.now())}  ${traffic.perSecond.toFixed(1)} requests/s, ${traffic.failed} failed, ${words.join(", ")}\n`,
      );
    }
    await sleep(FRAME_MS, undefined, { signal }).catch(() => {});
  }
}

/** What is known of the demo right now, asked of the API twice a second, and what the keys do. */
class LiveModel {
  readonly events: { number: number; atMs: number; text: string }[] = [];
  readonly #demo: Demo;
  readonly #startedMs = performance.now();
  #loadBalancer: LoadBalancerView | undefined;
  #members: MemberView[] = [];
  #amphorae: AmphoraView[] = [];
  #selected = 0;
  #notice = "";
  #doing: string | undefined;
  #eventNumber = 0;
  #shimSequence = 0;

  constructor(demo: Demo) {
    this.#demo = demo;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#ask(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#reviveShim(error, signal);
      }
      await sleep(ASK_MS, undefined, { signal }).catch(() => {});
    }
  }

  view(): ViewModel {
    const demo = this.#demo;
    const traffic = demo.traffic.snapshot();
    const recent = [...traffic.recentByMember.values()].reduce((sum, each) => sum + each, 0);
    return {
      runningForMs: performance.now() - this.#startedMs,
      loadBalancer: {
        name: this.#loadBalancer?.name ?? "demo",
        provisioningStatus: this.#loadBalancer?.provisioning_status ?? "?",
        operatingStatus: this.#loadBalancer?.operating_status ?? "?",
      },
      vipUrl: demo.loadBalancer.vipUrl,
      apiUrl: demo.api.url,
      amphorae: this.#amphorae.map(({ id, status, lb_network_ip }) => ({ id, status, address: lb_network_ip ?? "" })),
      members: demo.members.map((member) => {
        const known = this.#members.find((each) => each.address === member.address);
        const count = traffic.recentByMember.get(member.name) ?? 0;
        return {
          name: member.name,
          address: `${member.address}:${member.port}`,
          running: member.isRunning(),
          operatingStatus: known?.operating_status ?? "-",
          weight: known?.weight ?? 0,
          perSecond: recent === 0 ? 0 : (traffic.requestsPerSecond * count) / recent,
          share: recent === 0 ? 0 : count / recent,
        };
      }),
      selected: this.#selected,
      traffic: {
        perSecond: traffic.requestsPerSecond,
        failedRecently: traffic.failedRecently,
        failed: traffic.failed,
        answered: traffic.answered,
        medianMs: traffic.medianMs,
      },
      events: this.events,
      notice: this.#notice,
    };
  }

  press(key: string): void {
    const demo = this.#demo;
    if (/^[1-9]$/.test(key)) {
      if (Number(key) <= demo.members.length) this.#selected = Number(key) - 1;
      else this.#notice = `there is no member ${key}: a adds one`;
      return;
    }
    const action = this.#actions(demo.members[this.#selected])[key];
    if (!action) return;
    // One thing at a time: the API would refuse a second change of the same load balancer until the first is live.
    if (this.#doing !== undefined) {
      this.#notice = `still ${this.#doing}`;
      return;
    }
    this.#doing = action.doing;
    this.#notice = `${action.doing}...`;
    void this.#perform(action);
  }

  async #perform(action: Action): Promise<void> {
    try {
      const done = await action.act();
      this.#notice = done;
      this.#note(done);
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
      this.#notice = `${action.doing} failed: ${reason}`;
    } finally {
      this.#doing = undefined;
    }
  }

  #actions(member: DemoMember | undefined): Record<string, Action> {
    const demo = this.#demo;
    const always = {
      a: { doing: "adding a member", act: async () => `member ${(await demo.addMember()).name} added` },
      k: {
        doing: "killing the amphora",
        act: async () => `amphora ${(await demo.killAmphora()).id.slice(0, 8)} killed: watch it being repaired`,
      },
    };
    if (!member) return always;
    const { name } = member;
    const running = member.isRunning();
    return {
      ...always,
      s: {
        doing: `stopping the server of ${name}`,
        act: async () => {
          if (!running) throw new Error("it is stopped already, S starts it");
          await member.stop();
          return `server of ${name} stopped`;
        },
      },
      S: {
        doing: `starting the server of ${name}`,
        act: async () => {
          if (running) throw new Error("it runs already, s stops it");
          await member.start();
          return `server of ${name} started`;
        },
      },
      d: {
        doing: `changing the weight of ${name}`,
        act: async () => `weight of ${name} is ${await demo.toggleDrain(member)}`,
      },
    };
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { api, loadBalancer } = this.#demo;
    this.#loadBalancer = await loadBalancer.show(signal);
    this.#members = await loadBalancer.members(signal);
    this.#amphorae = await loadBalancer.amphorae(signal);
    const path = `/krater/v1/events?since=${this.#shimSequence}`;
    const { events } = await api.get<{ events: { sequence: number; atMs: number; text: string }[] }>(path, signal);
    for (const event of events) {
      this.#shimSequence = Math.max(this.#shimSequence, event.sequence);
      this.#note(event.text, event.atMs);
    }
  }

  /** The shim is not what carries traffic; should it end, it is started again and takes over what it finds. */
  async #reviveShim(error: unknown, signal: AbortSignal): Promise<void> {
    const { shim } = this.#demo;
    if (shim.ended === undefined) {
      this.#notice = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#note(`the shim ended (${shim.ended}); traffic goes on; starting it again`);
    this.#shimSequence = 0;
    await shim.start(signal).catch((cause: Error) => this.#note(`starting the shim failed: ${cause.message}`));
  }

  #note(text: string, atMs = Date.now()): void {
    this.#eventNumber += 1;
    this.events.push({ number: this.#eventNumber, atMs, text });
    this.events.splice(0, this.events.length - EVENTS_KEPT);
  }
}
