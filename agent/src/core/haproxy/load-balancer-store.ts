import type { AgentConfiguration, LiveConfiguration } from "../configuration/agent-configuration.ts";
import type { Files, StagedFile } from "../system/files.ts";
import { isIdentifier, peerName } from "./identifiers.ts";
import { GROUP_FILE_TEXT, type Layout, type LoadBalancerPaths, layoutOf, pathsOf } from "./layout.ts";

/** Files of load balancers. Texts are latin1 strings: a byte is a character, whatever encoding the author used. */
export class LoadBalancerStore {
  readonly #files: Files;
  readonly #configuration: LiveConfiguration;

  constructor(files: Files, configuration: LiveConfiguration) {
    this.#files = files;
    this.#configuration = configuration;
  }

  get configuration(): AgentConfiguration {
    return this.#configuration.current();
  }

  get layout(): Layout {
    return layoutOf(this.configuration);
  }

  paths(id: string): LoadBalancerPaths {
    return pathsOf(this.layout, id);
  }

  /** Load balancers on disk, sorted: folders with a `haproxy.cfg`. */
  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for (const name of await this.#files.list(this.layout.base)) {
      if (isIdentifier(name) && (await this.#files.list(this.paths(name).folder)).includes("haproxy.cfg"))
        ids.push(name);
    }
    return ids;
  }

  async stored(id: string): Promise<Buffer | undefined> {
    return this.#files.read(this.paths(id).stored);
  }

  async storedText(id: string): Promise<string | undefined> {
    return (await this.stored(id))?.toString("latin1");
  }

  stageUpload(id: string, text: string): Promise<StagedFile> {
    return this.#files.stage(this.paths(id).stored, latin1(text), { mode: 0o600 });
  }

  /** Only for haproxy to read now: no fsync. */
  async writeCandidate(id: string, text: string): Promise<void> {
    await this.#files.write(this.paths(id).candidate, latin1(text), { mode: 0o600, durable: false });
  }

  async removeCandidate(id: string): Promise<void> {
    await this.#files.remove(this.paths(id).candidate);
  }

  async writeRejected(id: string, text: string): Promise<void> {
    await this.#files.write(this.paths(id).rejected, latin1(text), { mode: 0o600, durable: false });
  }

  async runningText(id: string): Promise<string | undefined> {
    return (await this.#files.read(this.paths(id).running))?.toString("latin1");
  }

  async writeRunning(id: string, text: string | undefined): Promise<void> {
    const { running } = this.paths(id);
    if (text === undefined) return this.#files.remove(running);
    await this.#files.write(running, latin1(text), { mode: 0o600 });
  }

  /** Kept from the first upload on. A base path of a stock agent has none: its unit was made from the same id. */
  async peer(id: string): Promise<string> {
    const kept = (await this.#files.read(this.paths(id).peer))?.toString("latin1").trim();
    return kept || peerName(this.configuration.amphoraAgent.amphoraId);
  }

  async keepPeer(id: string, peer: string): Promise<void> {
    const { peer: path } = this.paths(id);
    if ((await this.#files.read(path))?.toString("latin1").trim() === peer) return;
    await this.#files.write(path, `${peer}\n`, { mode: 0o644 });
  }

  async isStopped(id: string): Promise<boolean> {
    return (await this.#files.read(this.paths(id).stoppedMark)) !== undefined;
  }

  async markStopped(id: string, stopped: boolean): Promise<void> {
    const { stoppedMark } = this.paths(id);
    if (stopped) await this.#files.write(stoppedMark, "", { mode: 0o644 });
    else if (await this.isStopped(id)) await this.#files.remove(stoppedMark);
  }

  /** Ends with a newline, as stock's newest agent writes it. */
  async writeServersState(id: string, state: string): Promise<void> {
    const text = state.endsWith("\n") ? state : `${state}\n`;
    await this.#files.write(this.paths(id).serversState, text, { mode: 0o644, durable: false });
  }

  /** The image has this file; where there is no image, the agent supplies it. */
  async ensureGroupFile(): Promise<void> {
    const { groupFile } = this.layout;
    if ((await this.#files.read(groupFile)) === undefined) {
      await this.#files.write(groupFile, GROUP_FILE_TEXT, { mode: 0o644 });
    }
  }

  /** What a crash may have left: files on their way. */
  async removeLeftovers(): Promise<void> {
    const { base, certificates } = this.layout;
    await this.#files.removeLeftovers(base);
    for (const name of (await this.#files.list(base)).filter(isIdentifier)) {
      await this.#files.removeLeftovers(this.paths(name).folder);
      await this.removeCandidate(name);
    }
    for (const name of (await this.#files.list(certificates)).filter(isIdentifier)) {
      await this.#files.removeLeftovers(this.paths(name).certificates);
    }
  }

  async remove(id: string, statisticsSocket: string): Promise<void> {
    const paths = this.paths(id);
    // The reference ignores that these may fail: the load balancer has to go.
    await this.#files.removeSocket(statisticsSocket).catch(() => undefined); // the path is the upload's own word
    await this.#files.removeSocket(paths.masterSocket).catch(() => undefined);
    await this.#files.removeFolder(paths.certificates).catch(() => undefined);
    // Its `haproxy.cfg` and the mark go last: until then it exists, is stopped, and can be deleted again.
    await this.#files.removeFolder(paths.folder, ["haproxy.cfg", "stopped"]);
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
