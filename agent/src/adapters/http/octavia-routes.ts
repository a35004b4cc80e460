import { createHash } from "node:crypto";
import type {
  AmphoraDetails,
  AmphoraInfo,
  CertificateDigest,
  MessageBody,
  VersionDiscovery,
} from "../../contract/rest.ts";
import { AgentError } from "../../core/agent-error.ts";
import { requireCertificateName, requireIdentifier } from "../../core/haproxy/identifiers.ts";
import type { Certificates, LoadBalancerAction, LoadBalancers } from "../../core/haproxy/load-balancers.ts";
import type { SystemFacts } from "../../core/system/system-facts.ts";
import { bodyLimits } from "./request-body.ts";
import { json, parameter, type Route, type RouteContext, reply } from "./routes.ts";

export interface OctaviaDependencies {
  loadBalancers: LoadBalancers;
  certificates: Certificates;
  system: SystemFacts;
  /** `PUT /1.0/config` */
  configuration: { replaceFirst(content: Buffer, signal: AbortSignal): Promise<void> };
  /** `PUT /1.0/certificate` */
  serverCertificate: { replace(content: Buffer, signal: AbortSignal): Promise<void> };
}

const ok: MessageBody = { message: "OK" };

/**
 * `/1.0`, as a stock controller knows it. Every change is safe to repeat: a controller that hears nothing for 60 s
 * sends the same request again. Bodies are read before a change takes its turn, so a slow upload holds up nobody.
 */
export function octaviaRoutes(deps: OctaviaDependencies): Route[] {
  const { loadBalancers, certificates, system } = deps;
  /** One configuration is read at a time: how much memory its answer takes is known only then. */
  let reading: Promise<unknown> = Promise.resolve();
  const readNext = <Result>(read: () => Promise<Result>): Promise<Result> => {
    const result = reading.then(read);
    reading = result.catch(() => undefined);
    return result;
  };

  const discovery: Route["handle"] = async () => json(200, { api_version: "1.0" } satisfies VersionDiscovery);

  const info: Route["handle"] = async () => {
    const { hostname, haproxy_version, keepalived_version, ipvsadm_version } = await system.info();
    const body: AmphoraInfo = { hostname, haproxy_version, api_version: "1.0", keepalived_version, ipvsadm_version };
    return json(200, body);
  };

  const details: Route["handle"] = async () => {
    const [facts, listeners, observed] = await Promise.all([
      system.details(),
      loadBalancers.listeners(),
      loadBalancers.observe(),
    ]);
    const body: AmphoraDetails = {
      hostname: facts.hostname,
      haproxy_version: facts.haproxy_version,
      api_version: "1.0",
      networks: facts.networks,
      active: true,
      haproxy_count: observed.filter((each) => each.haproxy.state === "running").length,
      cpu_count: facts.cpu_count,
      cpu: facts.cpu,
      memory: facts.memory,
      disk: facts.disk,
      load: facts.load,
      active_tuned_profiles: facts.active_tuned_profiles,
      topology: "SINGLE",
      topology_status: "OK",
      listeners: [...new Set(listeners.map((listener) => listener.uuid))].toSorted(),
      packages: {},
      lvs_listener_process_count: facts.lvs_listener_process_count,
      keepalived_version: facts.keepalived_version,
      ipvsadm_version: facts.ipvsadm_version,
    };
    return json(200, body);
  };

  const listeners: Route["handle"] = async () => {
    const found = await loadBalancers.listeners();
    return json(
      200,
      found.map(({ status, uuid, type }) => ({ status, uuid, type })),
    );
  };

  const upload: Route["handle"] = async (context) => {
    const loadBalancerId = loadBalancerOf(context, "lb");
    const amphoraId = parameter(context, "amp");
    requireIdentifier(amphoraId);
    const { content, md5 } = await context.readBody(bodyLimits.configuration);
    await loadBalancers.upload({ amphoraId, loadBalancerId, configuration: content }, context.signal);
    return json(202, ok, { etag: md5 });
  };

  const download: Route["handle"] = async (context) => {
    const loadBalancerId = loadBalancerOf(context, "lb");
    const content = await readNext(async () => {
      const read = await loadBalancers.read(loadBalancerId);
      context.holdMemory(read?.length ?? 0);
      return read;
    });
    if (!content) throw new AgentError("load-balancer-not-found", "no such load balancer");
    return reply(200, "text/plain; charset=UTF-8", content, { etag: md5Of(content) });
  };

  const act: Route["handle"] = async (context) => {
    // The order of checks is the original's: an unknown action is said before an unknown load balancer.
    const action = parameter(context, "action").toLowerCase();
    context.subject = { action };
    if (!isAction(action)) throw new AgentError("unknown-action", "unknown action");
    const loadBalancerId = loadBalancerOf(context, "id");
    const { effective } = await loadBalancers.act(loadBalancerId, action, context.signal);
    return json(202, { message: "OK", details: detailsOf(effective, loadBalancerId) } satisfies MessageBody);
  };

  const remove: Route["handle"] = async (context) => {
    context.subject = { action: "delete" };
    const loadBalancerId = loadBalancerOf(context, "id");
    await loadBalancers.delete(loadBalancerId, context.signal);
    return json(200, ok);
  };

  const storeCertificate: Route["handle"] = async (context) => {
    const { loadBalancerId, certificateName } = certificateOf(context);
    const { content, md5 } = await context.readBody(bodyLimits.pem);
    await certificates.write(loadBalancerId, certificateName, content, context.signal);
    return json(200, ok, { etag: md5 });
  };

  const certificateDigest: Route["handle"] = async (context) => {
    const { loadBalancerId, certificateName } = certificateOf(context);
    const md5sum = await certificates.md5(loadBalancerId, certificateName);
    if (md5sum === undefined) throw new AgentError("certificate-not-found", "no such certificate");
    return json(200, { md5sum } satisfies CertificateDigest, { etag: md5sum });
  };

  const removeCertificate: Route["handle"] = async (context) => {
    const { loadBalancerId, certificateName } = certificateOf(context);
    await certificates.delete(loadBalancerId, certificateName, context.signal);
    return json(200, ok);
  };

  const replaceServerCertificate: Route["handle"] = async (context) => {
    const { content } = await context.readBody(bodyLimits.pem);
    await deps.serverCertificate.replace(content, context.signal);
    return json(202, ok);
  };

  const replaceConfiguration: Route["handle"] = async (context) => {
    const { content } = await context.readBody(bodyLimits.agentConfiguration);
    await deps.configuration.replaceFirst(content, context.signal);
    return json(202, ok);
  };

  const certificatePath = "/1.0/loadbalancer/:lb/certificates/:file";
  return [
    { method: "GET", path: "/", group: "discovery", handle: discovery },
    { method: "GET", path: "/1.0/info", group: "octavia", handle: info },
    { method: "GET", path: "/1.0/details", group: "octavia", handle: details },
    { method: "GET", path: "/1.0/listeners", group: "octavia", handle: listeners },
    { method: "DELETE", path: "/1.0/listeners/:id", group: "octavia", handle: remove },
    { method: "PUT", path: "/1.0/loadbalancer/:amp/:lb/haproxy", group: "octavia", handle: upload },
    { method: "GET", path: "/1.0/loadbalancer/:lb/haproxy", group: "octavia", handle: download },
    { method: "PUT", path: "/1.0/loadbalancer/:id/:action", group: "octavia", handle: act },
    { method: "PUT", path: certificatePath, group: "octavia", handle: storeCertificate },
    { method: "GET", path: certificatePath, group: "octavia", handle: certificateDigest },
    { method: "DELETE", path: certificatePath, group: "octavia", handle: removeCertificate },
    { method: "PUT", path: "/1.0/certificate", group: "octavia", handle: replaceServerCertificate },
    { method: "PUT", path: "/1.0/config", group: "octavia", handle: replaceConfiguration },
  ];
}

function loadBalancerOf(context: RouteContext, name: string): string {
  const loadBalancerId = parameter(context, name);
  requireIdentifier(loadBalancerId);
  context.subject = { ...context.subject, loadBalancerId };
  return loadBalancerId;
}

function certificateOf(context: RouteContext): { loadBalancerId: string; certificateName: string } {
  const certificateName = parameter(context, "file");
  requireCertificateName(certificateName);
  const loadBalancerId = loadBalancerOf(context, "lb");
  context.subject = { loadBalancerId, certificateName };
  return { loadBalancerId, certificateName };
}

function isAction(action: string): action is LoadBalancerAction {
  return action === "start" || action === "stop" || action === "reload";
}

/** Octavia's words, `stoped` included. */
function detailsOf(effective: LoadBalancerAction, loadBalancerId: string): string {
  switch (effective) {
    case "start":
      return `Configuration file is valid\nhaproxy daemon for ${loadBalancerId} started`;
    case "stop":
      return `Listener ${loadBalancerId} stoped`;
    case "reload":
      return `Listener ${loadBalancerId} reloaded`;
    default:
      return effective satisfies never;
  }
}

function md5Of(content: Buffer): string {
  return createHash("md5").update(content).digest("hex");
}
