import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { TestCertificateAuthority } from "../../../../test/harness/certificates.ts";
import { keptConnection, startTestServer, type TestServer } from "../../../../test/harness/http-server.ts";
import { waitFor } from "../../../../test/harness/wait-for.ts";

/** SHA-256 of the certificate the server shows to a new connection. */
function shown(server: TestServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: "127.0.0.1",
        port: server.port,
        cert: server.stock.certificatePem,
        key: server.stock.keyPem,
        rejectUnauthorized: false,
      },
      () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.end();
      },
    );
    socket.on("error", reject);
  });
}

async function nextPair(server: TestServer, name: string): Promise<string> {
  const { certificatePem, keyPem } = await server.authority.issue(server.amphoraId, [`DNS:${server.amphoraId}`], name);
  return certificatePem + keyPem;
}

const refusals = (server: TestServer) => server.log.lines.filter((line) => line.event === "certificate.refused");

test("PUT /1.0/certificate is in force for the very next connection; connections that are open live on", async () => {
  const server = await startTestServer();
  const before = await shown(server);
  const kept = keptConnection(server);
  await kept("GET", "/");
  const pem = await nextPair(server, "next");
  const answer = await server.call("PUT", "/1.0/certificate", { body: pem });
  expect(answer).toMatchObject({ status: 202 });
  expect(answer.json()).toEqual({ message: "OK" });
  const after = await shown(server);
  expect(after).not.toBe(before);
  expect(server.identity.describe().sha256).toBe(after);
  expect(await kept("GET", "/")).toMatchObject({ status: 200, reused: true });
  expect(await readFile(server.certificatePath, "utf8")).toBe(pem);
  expect((await stat(server.certificatePath)).mode & 0o777).toBe(0o600);
  expect(server.events.newest).toBe(1);
});

test("what is no pair is refused with its reason, and neither file nor certificate changes", async () => {
  const server = await startTestServer();
  const before = await shown(server);
  const file = await readFile(server.certificatePath, "utf8");
  const [one, two] = [await nextPair(server, "one"), await nextPair(server, "two")];
  const certificateOf = (pem: string) => pem.slice(0, pem.indexOf("-----BEGIN RSA"));
  const keyOf = (pem: string) => pem.slice(pem.indexOf("-----BEGIN RSA"));
  const attempts = [
    { body: "", says: "no certificate in PEM form" },
    { body: "nonsense", says: "no certificate in PEM form" },
    { body: certificateOf(one), says: "no private key in PEM form after the certificate" },
    { body: keyOf(one), says: "no certificate in PEM form" },
    { body: one.slice(0, -200), says: "no private key in PEM form after the certificate" },
    { body: certificateOf(one) + keyOf(two), says: "the private key does not belong to the certificate" },
  ];
  for (const { body, says } of attempts) {
    const answer = await server.call("PUT", "/1.0/certificate", { body });
    expect(answer.status).toBe(400);
    expect(answer.json()).toEqual({
      error: `400 Bad Request: The certificate is refused, the old one stays: ${says}.`,
      http_code: 400,
    });
  }
  expect(await shown(server)).toBe(before);
  expect(await readFile(server.certificatePath, "utf8")).toBe(file);
  expect(JSON.stringify(server.log.lines)).not.toContain("BEGIN");
});

test("a file written in halves keeps the old pair until it is whole", async () => {
  const server = await startTestServer();
  const before = await shown(server);
  const pem = await nextPair(server, "next");
  await writeFile(server.certificatePath, pem.slice(0, 700));
  await waitFor("the refusal in the log", () => refusals(server).length > 0);
  expect(await shown(server)).toBe(before);
  await writeFile(server.certificatePath, pem);
  await waitFor("the new certificate", async () => (await shown(server)) !== before);
});

test("a file replaced by rename is followed", async () => {
  const server = await startTestServer();
  const before = await shown(server);
  await writeFile(join(server.folder, "server.pem.new"), await nextPair(server, "next"));
  await rename(join(server.folder, "server.pem.new"), server.certificatePath);
  await waitFor("the new certificate", async () => (await shown(server)) !== before);
});

test("a new certificate authority decides about the next connection; half a bundle does not count", async () => {
  const server = await startTestServer();
  const other = await TestCertificateAuthority.create(join(server.folder, "other"), "other CA");
  const client = await other.issue("client");
  await expect(server.call("GET", "/", { client })).rejects.toThrow();
  const [ours, theirs] = [await readFile(server.caPath, "utf8"), await readFile(other.caPath, "utf8")];
  const ca = await readFile(server.caPath);

  await writeFile(server.caPath, ours + theirs.slice(0, 300));
  await waitFor("the refusal in the log", () => refusals(server).length > 0);
  expect(server.identity.tlsOptions().ca.equals(ca)).toBe(true);

  await writeFile(server.caPath, ours + theirs);
  await waitFor(
    "the other client to be let in",
    async () => (await server.call("GET", "/", { client })).status === 200,
  );
  expect((await server.call("GET", "/")).status).toBe(200);

  await writeFile(server.caPath, ours);
  await waitFor("the other client to be shut out", () =>
    server.call("GET", "/", { client }).then(
      () => false,
      () => true,
    ),
  );
});

test("rotations under load lose no request", async () => {
  const server = await startTestServer();
  const pairs = [await nextPair(server, "one"), await nextPair(server, "two"), await nextPair(server, "three")];
  let running = true;
  let answered = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      expect((await server.call("GET", "/1.0/info")).status).toBe(200);
      answered++;
    }
  });
  const seen = new Set<string>();
  for (const pem of pairs) {
    expect((await server.call("PUT", "/1.0/certificate", { body: pem })).status).toBe(202);
    seen.add(await shown(server));
    const enough = answered + 10;
    await waitFor("requests on the new certificate", () => answered >= enough);
  }
  running = false;
  await Promise.all(load);
  expect(seen.size).toBe(3);
});
