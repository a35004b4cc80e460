import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { LocalCertificateAuthority } from "./local-certificate-authority.ts";

const run = promisify(execFile);
const amphoraId = "6f0c3c1e-58a5-4a6e-9e55-0d9ad4b24ce1";
const systemClock = { nowMs: () => Date.now(), monotonicMs: () => performance.now(), sleep: async () => {} };

test.skipIf(!hasTool("openssl")).for([
  { whose: "the amphora's", usage: "sslserver" },
  { whose: "the controller's", usage: "sslclient" },
] as const)("openssl's strictest check takes $whose certificate as $usage", async ({ usage }) => {
  const folder = await temporaryDirectory();
  const authority = await LocalCertificateAuthority.open(join(folder, "pki"), systemClock);
  const amphora = usage === "sslserver";
  const pem = amphora ? (await authority.issueAmphoraCertificate(amphoraId)).pem : authority.client.certificatePem;
  await writeFile(join(folder, "leaf.pem"), pem, { mode: 0o600 });
  const ca = join(folder, "pki", amphora ? "server_ca.pem" : "client_ca.pem");
  const host = amphora ? ["-verify_hostname", amphoraId] : [];
  const args = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", usage, ...host, "-CAfile", ca];
  expect((await run("openssl", [...args, join(folder, "leaf.pem")])).stdout).toContain("leaf.pem: OK");
  const key = amphora ? join(folder, "leaf.pem") : join(folder, "pki/client.key");
  expect((await run("openssl", ["pkey", "-in", key, "-check", "-noout"])).stdout).toContain("Key is valid");
});

test.for(["TLSv1.2", "TLSv1.3"] as const)("both ends accept each other over %s", async (version) => {
  const authority = await LocalCertificateAuthority.open(join(await temporaryDirectory(), "pki"), systemClock);
  const { pem } = await authority.issueAmphoraCertificate(amphoraId);
  const server = createServer(
    { cert: pem, key: pem, ca: authority.clientCaPem, requestCert: true, rejectUnauthorized: true },
    (socket) => socket.end(socket.getPeerCertificate().subjectaltname ?? ""),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const open = (client: SecureContextOptions): TLSSocket =>
    connect({
      host: "127.0.0.1",
      port,
      servername: amphoraId,
      ca: authority.serverCaPem,
      minVersion: version,
      maxVersion: version,
      ...client,
    });

  const socket = open({ cert: authority.client.certificatePem, key: authority.client.privateKeyPem });
  const [said] = (await once(socket, "data")) as [Buffer];
  expect(said.toString()).toBe("URI:urn:krater:role:controller");
  expect(socket.getProtocol()).toBe(version);
  socket.destroy();

  const stranger = open({});
  await expect(once(stranger, "data")).rejects.toThrow(/certificate required|handshake failure|ECONNRESET/);
});
