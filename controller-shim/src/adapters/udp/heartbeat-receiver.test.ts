import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../../test/harness/wait-for.ts";
import { receiveHeartbeats } from "./heartbeat-receiver.ts";

test("datagrams arrive whole, with the address they came from", async () => {
  const got: { bytes: number; from: string }[] = [];
  const receiver = await receiveHeartbeats(
    { host: "127.0.0.1", port: 0 },
    (datagram, from) => got.push({ bytes: datagram.length, from }),
    () => {},
  );
  onTestFinished(() => receiver.close());
  const sender = createSocket("udp4");
  onTestFinished(() => void sender.close());
  sender.send(Buffer.alloc(0), receiver.port, "127.0.0.1");
  sender.send(Buffer.alloc(60_000), receiver.port, "127.0.0.1");
  await waitFor("both datagrams", () => got.length === 2);
  expect(got.map((each) => each.bytes)).toEqual([0, 60_000]);
  expect(new Set(got.map((each) => each.from))).toEqual(new Set(["127.0.0.1"]));
});

test("a burst is not dropped", async () => {
  let received = 0;
  const receiver = await receiveHeartbeats(
    { host: "127.0.0.1", port: 0 },
    () => void received++,
    () => {},
  );
  onTestFinished(() => receiver.close());
  const sender = createSocket("udp4");
  onTestFinished(() => void sender.close());
  for (let n = 0; n < 100; n++) sender.send(Buffer.alloc(300), receiver.port, "127.0.0.1");
  await waitFor("all datagrams", () => received === 100);
});

test("an address that is taken is a rejection with the reason", async () => {
  const squatter = createSocket("udp4");
  squatter.bind(0, "127.0.0.1");
  await once(squatter, "listening");
  onTestFinished(() => void squatter.close());
  const where = { host: "127.0.0.1", port: squatter.address().port };
  await expect(
    receiveHeartbeats(
      where,
      () => {},
      () => {},
    ),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
});
