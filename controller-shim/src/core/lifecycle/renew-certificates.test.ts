import { expect, test } from "vitest";
import { FakeClock } from "../../testing/fake-clock.ts";
import { FakeMachine } from "../../testing/fake-machine.ts";
import { lifecycleOf, silentLog, storePendingLoadBalancer } from "../../testing/lifecycle-harness.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { AgentCallFailed } from "../drivers/agent-client.ts";
import { timestamp } from "../store/timestamp.ts";
import { LoadBalancerReconciler } from "./reconcile-load-balancer.ts";
import { renewCertificates } from "./renew-certificates.ts";

const signal = new AbortController().signal;
const DAY_MS = 24 * 3_600_000;

async function amphoraWhoseCertificateEndsIn(days: number) {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const id = await storePendingLoadBalancer(store);
  await new LoadBalancerReconciler(lifecycleOf(new FakeMachine().processOver(store), clock, "t")).reconcile(id, signal);
  const [amphora] = await store.list("amphora");
  const cert_expiration = timestamp(clock.nowMs() + days * DAY_MS);
  await store.update("amphora", amphora?.id ?? "", { cert_expiration });
  const sent: string[] = [];
  const renewal = {
    store,
    clock,
    log: silentLog,
    agent: { replaceCertificate: async (_amphora: unknown, pem: string) => void sent.push(pem) },
    authority: {
      issueAmphoraCertificate: async () => ({
        pem: "new",
        notAfter: new Date(clock.nowMs() + 30 * DAY_MS),
      }),
    },
  };
  const expiration = async () => (await store.list("amphora"))[0]?.cert_expiration;
  return { renewal, sent, expiration, clock, was: cert_expiration };
}

test("a certificate with more than two weeks to go is left alone", async () => {
  const { renewal, sent, expiration, was } = await amphoraWhoseCertificateEndsIn(15);
  await renewCertificates(renewal, signal);
  expect(sent).toEqual([]);
  expect(await expiration()).toBe(was);
});

test("one that ends within two weeks is replaced and remembered", async () => {
  const { renewal, sent, expiration, clock } = await amphoraWhoseCertificateEndsIn(13);
  await renewCertificates(renewal, signal);
  await renewCertificates(renewal, signal);
  expect(sent).toEqual(["new"]);
  expect(await expiration()).toBe(timestamp(clock.nowMs() + 30 * DAY_MS));
});

test("an amphora that cannot take it now gets it the next time", async () => {
  const { renewal, sent, expiration, was } = await amphoraWhoseCertificateEndsIn(1);
  const working = renewal.agent;
  renewal.agent = { replaceCertificate: () => Promise.reject(new AgentCallFailed("connection refused", undefined)) };
  await renewCertificates(renewal, signal);
  expect(await expiration()).toBe(was);
  renewal.agent = working;
  await renewCertificates(renewal, signal);
  expect(sent).toEqual(["new"]);
});
