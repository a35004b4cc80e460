/** The shim's own CA: keys live in files readable by the owner only, in the state folder. */
export interface CertificateAuthority {
  /** PEM of the CA certificate that signed the controller's client certificate: the amphora's `client_ca.pem`. */
  readonly clientCaPem: string;
  /** PEM of the CA certificate that signs amphora server certificates. */
  readonly serverCaPem: string;
  /** The controller's client certificate (role `controller`), for the agent client. */
  readonly client: { certificatePem: string; privateKeyPem: string };
  /** Server certificate for one amphora: subject CN and SAN dNSName are its id. Certificate first, then the key. */
  issueAmphoraCertificate(amphoraId: string): Promise<{ pem: string; notAfter: Date }>;
}
