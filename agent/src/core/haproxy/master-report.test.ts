import { expect, test } from "vitest";
import { parseInfoPid, parseMasterReport } from "./master-report.ts";

const header = "#<PID>          <type>          <reloads>       <uptime>        <version>\n";

test.for([
  { name: "nothing is no report", text: "", want: undefined },
  { name: "an answer cut off before the master is none", text: header, want: undefined },
  {
    name: "a current worker and an old one",
    text: `${header}2251            master          2 [failed: 1]   0d00h00m03s     2.6.12\n# workers\n2257            worker          0               0d00h00m00s     2.6.12\n# old workers\n2253            worker          1               0d00h00m01s     2.6.12\n# programs\n\n`,
    want: { masterPid: 2251, reloads: 2, failedReloads: 1, workerPid: 2257 },
  },
  {
    name: "no worker yet, one that goes",
    text: `${header}7               master          1 [failed: 0]   0d00h00m00s     2.6.12\n# workers\n# old workers\n9               worker          1               0d00h00m01s     2.6.12\n# programs\n`,
    want: { masterPid: 7, reloads: 1, failedReloads: 0, workerPid: undefined },
  },
  {
    name: "an older master without a failure count",
    text: `${header}7               master          0               0d00h00m00s     2.4.0\n# workers\n8               worker          1               0d00h00m00s     2.4.0\n`,
    want: { masterPid: 7, reloads: 0, failedReloads: 0, workerPid: 8 },
  },
])("$name", ({ text, want }) => expect(parseMasterReport(text)).toEqual(want));

test("the pid of show info", () => {
  expect(parseInfoPid("Name: HAProxy\nPid: 42\nUptime: 0d\n")).toBe(42);
  expect(parseInfoPid("garbage")).toBeUndefined();
});
