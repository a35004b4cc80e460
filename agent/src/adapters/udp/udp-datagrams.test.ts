import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { UdpDatagrams } from "./udp-datagrams.ts";

/** A bound receiver and what it got. */
async function receiver(
  address: string,
): Promise<{ port: number; got: { text: string; from: number }[]; socket: Socket }> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const got: { text: string; from: number }[] = [];
  socket.on("message", (bytes, from) => got.push({ text: bytes.toString(), from: from.port }));
  socket.bind(0, address);
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, got, socket };
}

function sender(): UdpDatagrams {
  const datagrams = new UdpDatagrams();
  onTestFinished(() => datagrams.close());
  return datagrams;
}

test.for([
  { name: "an IPv4 address", listen: "127.0.0.1", host: "127.0.0.1" },
  { name: "an IPv6 address", listen: "::1", host: "::1" },
  { name: "a host name", listen: "127.0.0.1", host: "localhost" },
])("a datagram reaches $name", async ({ listen, host }) => {
  const { port, got, socket } = await receiver(listen);
  const datagrams = sender();
  const arrived = once(socket, "message");
  await datagrams.send(Buffer.from("one"), { host, port });
  await arrived;
  const second = once(socket, "message");
  await datagrams.send(Buffer.from("two"), { host, port });
  await second;
  expect(got.map((each) => each.text)).toEqual(["one", "two"]);
  expect(new Set(got.map((each) => each.from)).size, "one socket, one source port").toBe(1);
});

test.for([
  { name: "a name nobody has", to: { host: "no-such-host.invalid", port: 5555 } },
  { name: "an address the kernel refuses", to: { host: "255.255.255.255", port: 5555 } },
  { name: "a port that is none", to: { host: "127.0.0.1", port: 70_000 } },
])("sending to $name rejects, and the next datagram goes out", async ({ to }) => {
  const { port, socket } = await receiver("127.0.0.1");
  const datagrams = sender();
  await expect(datagrams.send(Buffer.from("lost"), to)).rejects.toThrow();
  const arrived = once(socket, "message");
  await datagrams.send(Buffer.from("there"), { host: "127.0.0.1", port });
  await arrived;
});

test("a datagram too large for UDP rejects with EMSGSIZE", async () => {
  await expect(sender().send(Buffer.alloc(65_508), { host: "127.0.0.1", port: 9 })).rejects.toThrow(/EMSGSIZE/);
});

test("nobody listening is nothing to know: UDP has no answer", async () => {
  const datagrams = sender();
  for (let n = 0; n < 3; n++) await datagrams.send(Buffer.from("x"), { host: "127.0.0.1", port: 9 });
});

test("a socket closed under the sender is replaced", async () => {
  const { port, socket } = await receiver("127.0.0.1");
  const datagrams = sender();
  await datagrams.send(Buffer.from("before"), { host: "127.0.0.1", port });
  datagrams.close();
  const arrived = once(socket, "message");
  await datagrams.send(Buffer.from("after"), { host: "127.0.0.1", port });
  await arrived;
});
