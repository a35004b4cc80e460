import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { hasTool } from "../../../../test/harness/tools.ts";
import { ApiBench } from "../../testing/api-context.ts";
import { exampleAmphora } from "../../testing/example-rows.ts";
import { openSqliteStore } from "../store/open-sqlite-store.ts";
import type { Credentials } from "./authentication.ts";
import { createApi } from "./create-api.ts";
import { serveApi } from "./serve-api.ts";

const hasClients = hasTool("openstack");
/** The Debian packages belong to this one, whatever else is on the path. */
const python = "/usr/bin/python3";

/** The whole API on loopback; whatever it accepts is applied at once, by no machine at all. */
async function served(credentials: Credentials = {}) {
  const bench = new ApiBench(await openSqliteStore(":memory:"));
  bench.wake = () => setImmediate(() => void bench.apply());
  const failures: unknown[] = [];
  const note = () => undefined;
  const log = { info: note, warn: note, debug: note, error: (fields: unknown) => void failures.push(fields) };
  const api = await serveApi(createApi(Object.assign(bench, { log }), { credentials }), { host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await api.close();
    await bench.store.close();
    expect(failures).toEqual([]);
  });
  return { bench, url: `http://127.0.0.1:${api.port}` };
}

async function run(program: string, args: string[], input: string, environment: Record<string, string>) {
  const HOME = await temporaryDirectory(); // the client keeps a cache there
  const env = { PATH: "/usr/bin:/bin", HOME, LANG: "C.UTF-8", COLUMNS: "200", ...environment };
  const child = spawn(program, args, { env, timeout: 50_000, killSignal: "SIGKILL" });
  child.stdin.end(input);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { output, errors, code: child.exitCode };
}

/** Many commands in one process: the CLI takes a second to start. Gives what each printed, as JSON where it is. */
async function commands(url: string, lines: string[], environment: Record<string, string> = {}) {
  const input = lines.map((line) => `loadbalancer ${line}\n`).join("");
  const { output, errors } = await run("/usr/bin/openstack", [], input, {
    OS_AUTH_TYPE: "none",
    OS_ENDPOINT: url,
    ...environment,
  });
  const answers = output
    .split(/^(?=[[{])/m)
    .filter((part) => /^[[{]/.test(part))
    .map((part) => JSON.parse(part.slice(0, part.lastIndexOf(part.startsWith("[") ? "]" : "}") + 1)) as Answer);
  return { answers, errors };
}
type Answer = Record<string, unknown> & Record<string, unknown>[];

test.skipIf(!hasClients)("the stock CLI builds, changes, looks at and removes a load balancer", async () => {
  const { bench, url } = await served();
  const { answers, errors } = await commands(url, [
    "create --name web --vip-subnet-id test-vip-subnet --wait -f json",
    "listener create --name http --protocol HTTP --protocol-port 80 --connection-limit 100 --insert-headers X-Forwarded-For=true --wait web -f json",
    "pool create --name p --protocol HTTP --lb-algorithm ROUND_ROBIN --listener http --session-persistence type=HTTP_COOKIE --wait -f json",
    "member create --name m1 --address 203.0.113.11 --protocol-port 8080 --subnet-id test-member-subnet --wait p -f json",
    "member create --name m2 --address 203.0.113.12 --protocol-port 8080 --weight 5 --wait p -f json",
    "healthmonitor create --name hm --type HTTP --delay 2 --timeout 1 --max-retries 2 --url-path /health --wait p -f json",
    "l7policy create --name pol --action REDIRECT_TO_URL --redirect-url https://example.org/ --wait http -f json",
    "l7rule create --type PATH --compare-type STARTS_WITH --value /old pol -f json",
  ]);
  expect(errors).toBe("");
  expect(answers).toHaveLength(8);
  for (const answer of answers.slice(0, -1)) expect(answer["provisioning_status"]).toBe("ACTIVE");
  expect(answers[0]).toMatchObject({ name: "web", vip_address: "198.51.100.2", operating_status: "ONLINE" });
  expect(answers[1]).toMatchObject({ connection_limit: 100 });
  expect(answers[4]).toMatchObject({ weight: 5, subnet_id: null });

  const [loadBalancer] = await bench.store.list("load_balancer");
  const id = loadBalancer?.id ?? "";
  await bench.store.insert("amphora", exampleAmphora({ load_balancer_id: id }));
  const second = await commands(url, [
    "set --name web2 --description described --tag a --tag b --wait web",
    "show web2 -f json",
    "unset --description --tag a web2",
    "listener set --connection-limit 7 --timeout-client-data 1000 --allowed-cidr 192.0.2.0/24 --wait http",
    "listener unset --connection-limit --timeout-client-data --allowed-cidrs http --wait",
    "listener show http -f json",
    "pool set --lb-algorithm LEAST_CONNECTIONS --session-persistence type=APP_COOKIE,cookie_name=SID --wait p",
    "pool unset --session-persistence --wait p",
    "pool show p -f json",
    "member set --weight 0 --wait p m1",
    "member show p m1 -f json",
    "healthmonitor set --url-path /new --expected-codes 200,204 --wait hm",
    "healthmonitor unset --url-path --wait hm",
    "healthmonitor show hm -f json",
    "l7policy set --action REJECT --wait pol",
    "l7policy show pol -f json",
    "list --tags b -f json",
    "listener list --loadbalancer web2 -f json",
    "member list p -f json",
    "failover --wait web2",
    "status show web2",
    "stats show web2 -f json",
    "listener stats show http -f json",
    "quota show 6b726174657200000000000000000000 -f json",
    "quota defaults show -f json",
    "provider list -f json",
    "provider capability list krater -f json",
    "flavor list -f json",
    "amphora list -f json",
    `amphora show ${exampleAmphora().id} -f json`,
  ]);
  expect(second.errors).toBe("");
  const find = (key: string, value: unknown) => second.answers.find((each) => each[key] === value);
  expect(find("name", "web2")).toMatchObject({
    description: "described",
    tags: expect.stringMatching(/^(a\nb|b\na)$/),
  });
  expect(find("name", "http")).toMatchObject({
    connection_limit: -1,
    timeout_client_data: 50_000,
    allowed_cidrs: null,
  });
  expect(find("name", "p")).toMatchObject({ lb_algorithm: "LEAST_CONNECTIONS", session_persistence: null });
  expect(find("name", "m1")).toMatchObject({ weight: 0, provisioning_status: "ACTIVE" });
  expect(find("name", "hm")).toMatchObject({ url_path: "/", expected_codes: "200,204" });
  expect(find("name", "pol")).toMatchObject({ action: "REJECT", redirect_url: null });
  expect(second.answers.filter((each) => Array.isArray(each) && each[0]?.["vip_address"])).toHaveLength(1);
  expect(find("total_connections", 0)).toMatchObject({ active_connections: 0, bytes_in: 0 });
  expect(second.answers.filter((each) => each["health_monitor"] === -1)).toHaveLength(2);
  expect(second.answers.find((each) => each["statuses"] ?? each["loadbalancer"])).toMatchObject({
    loadbalancer: {
      name: "web2",
      listeners: [{ pools: [{ members: [{ name: "m1" }, { name: "m2" }].map(() => expect.anything()) }] }],
    },
  });
  expect((await bench.store.get("load_balancer", id))?.wanted_amphora_generation).toBe(2);

  const last = await commands(url, ["delete web2 --wait", "delete --cascade --wait web2", "list -f json"]);
  expect(last.errors).toContain("has children");
  expect(last.answers).toEqual([[]]);
  for (const table of ["load_balancer", "listener", "pool", "member", "health_monitor", "address"] as const) {
    expect(await bench.store.list(table)).toEqual([]);
  }
});

const script = `
import json, os, openstack
from openstack import exceptions
conn = openstack.connect(load_yaml_config=False, **json.loads(os.environ["CONNECT"]))
lbs = conn.load_balancer
subnet = os.environ["SUBNET"]
lb = lbs.create_load_balancer(name="sdk", vip_subnet_id=subnet, tags=["t"])
lb = lbs.wait_for_load_balancer("sdk")
assert lb.provisioning_status == "ACTIVE" and lb.tags == ["t"], lb
listener = lbs.create_listener(name="l", load_balancer_id=lb.id, protocol="HTTP", protocol_port=80)
lbs.wait_for_load_balancer(lb.id)
assert [each.id for each in lbs.listeners(load_balancer_id=lb.id)] == [listener.id]
pool = lbs.create_pool(name="p", listener_id=listener.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
lbs.wait_for_load_balancer(lb.id)
member = lbs.create_member(pool, name="m", address="203.0.113.5", protocol_port=80)
lbs.wait_for_load_balancer(lb.id)
assert lbs.find_member("m", pool).id == member.id
monitor = lbs.create_health_monitor(name="h", pool_id=pool.id, type="HTTP", delay=5, timeout=3, max_retries=2)
lbs.wait_for_load_balancer(lb.id)
assert lbs.get_pool(pool.id).health_monitor_id == monitor.id
policy = lbs.create_l7_policy(name="y", listener_id=listener.id, action="REJECT")
lbs.wait_for_load_balancer(lb.id)
rule = lbs.create_l7_rule(policy, type="PATH", compare_type="EQUAL_TO", value="/x")
lbs.wait_for_load_balancer(lb.id)
assert [each.id for each in lbs.l7_rules(policy)] == [rule.id]
assert lbs.update_member(member, pool, weight=9).weight == 9
lbs.wait_for_load_balancer(lb.id)
assert lbs.update_listener(listener, connection_limit=5).connection_limit == 5
lbs.wait_for_load_balancer(lb.id)
assert lbs.find_load_balancer("nobody") is None
assert lbs.find_load_balancer("sdk").id == lb.id
assert lbs.get_load_balancer_statistics(lb.id).total_connections == 0
assert lbs.get_listener_statistics(listener.id).bytes_in == 0
assert lbs.get_quota_default().load_balancers == -1
assert [each.name for each in lbs.providers()] == ["krater", "amphora", "octavia"]
lbs.failover_load_balancer(lb.id)
lbs.wait_for_load_balancer(lb.id)
for n in range(5):
    lbs.create_load_balancer(name="page%d" % n, vip_subnet_id=subnet)
assert len(list(lbs.load_balancers(limit=2))) == 6
try:
    lbs.create_listener(load_balancer_id=lb.id, protocol="HTTP", protocol_port=80)
    raise SystemExit("a duplicate was accepted")
except exceptions.ConflictException as error:
    assert "already using protocol HTTP and protocol_port 80" in str(error), error
try:
    lbs.create_member(pool, address="203.0.113.6", protocol_port=99999)
    raise SystemExit("a bad port was accepted")
except exceptions.BadRequestException as error:
    assert "lesser or equal to 65535" in str(error), error
lbs.delete_load_balancer(lb.id, cascade=True)
assert lbs.find_load_balancer("sdk") is None
lbs.delete_load_balancer(lb.id, ignore_missing=True)
print("the SDK is content")
`;

test.skipIf(!hasClients).for<{ name: string; credentials: Credentials; connect: Record<string, string> }>([
  { name: "no authentication", credentials: {}, connect: { auth_type: "none" } },
  {
    name: "a token",
    credentials: { token: "a-long-token" },
    connect: { auth_type: "admin_token", token: "a-long-token" },
  },
  {
    name: "name and password",
    credentials: { username: "me", password: "a-password" },
    connect: { auth_type: "http_basic", username: "me", password: "a-password" },
  },
])("the stock SDK walks the same path with $name", async ({ credentials, connect }) => {
  const { bench, url } = await served(credentials);
  const { output, errors, code } = await run(python, ["-W", "ignore", "-"], script, {
    CONNECT: JSON.stringify({ ...connect, endpoint: url }),
    SUBNET: bench.networks[1]?.subnet.id ?? "",
  });
  expect({ output, errors, code }).toEqual({ output: "the SDK is content\n", errors: "", code: 0 });
});

test.skipIf(!hasClients)("the stock CLI says why it was refused, with the request id", async () => {
  const { url } = await served();
  const { errors } = await commands(url, [
    "create --name x --vip-subnet-id nowhere",
    "create --name web --vip-subnet-id test-vip-subnet --wait",
    "listener create --protocol UDP --protocol-port 53 web",
    "listener create --protocol TCP --protocol-port 53 --timeout-client-data -5 web",
    "show nobody",
  ]);
  expect(errors).toContain("Unable to locate nowhere in subnets");
  expect(errors).toContain(
    "Provider 'krater' does not support a requested option: UDP listeners (HTTP 501) (Request-ID: req-",
  );
  expect(errors).toContain(
    "Invalid input for field/attribute timeout_client_data. Value: '-5'. Value should be greater or equal to 0",
  );
  expect(errors).toContain("Unable to locate nobody in loadbalancers");
});
