import type { Clock } from "../clock.ts";
import type { AgentClient } from "../drivers/agent-client.ts";
import type { CertificateAuthority } from "../drivers/certificate-authority.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import { timestamp } from "../store/timestamp.ts";
import { describe } from "./failure.ts";
import { endpointOf } from "./lifecycle.ts";

const HOUR_MS = 3_600_000;
/** As Octavia's housekeeping: two weeks before the end, and an hour until it looks again. */
const RENEW_BEFORE_MS = 14 * 24 * HOUR_MS;
export const RENEWAL_EVERY_MS = HOUR_MS;

export interface Renewal {
  store: Store;
  clock: Clock;
  agent: Pick<AgentClient, "replaceCertificate">;
  authority: Pick<CertificateAuthority, "issueAmphoraCertificate">;
  log: Log;
}

/** Amphorae outlive their certificates; nothing restarts when one is replaced. */
export async function renewCertificates(renewal: Renewal, signal: AbortSignal): Promise<void> {
  const { store, clock, agent, authority, log } = renewal;
  const before = timestamp(clock.nowMs() + RENEW_BEFORE_MS);
  for (const amphora of await store.list("amphora", { status: "ALLOCATED" })) {
    if (amphora.cert_expiration > before) continue;
    const fields = { amphoraId: amphora.id };
    try {
      const { pem, notAfter } = await authority.issueAmphoraCertificate(amphora.id);
      await agent.replaceCertificate(endpointOf(amphora), pem, signal);
      await store.update("amphora", amphora.id, { cert_expiration: timestamp(notAfter.getTime()) });
      log.info({ event: "certificate.renewed", ...fields }, "the certificate of an amphora is renewed");
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ event: "certificate.not-renewed", ...fields, error: describe(error) }, "it will be tried again");
    }
  }
}
