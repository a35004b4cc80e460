import { dirname } from "node:path";
import { WANTED_OPEN_FILES } from "../../core/services/open-files.ts";
import type { Service } from "../../core/services/service-manager.ts";

/** systemd waits this long for haproxy's READY=1, then stops it; below the deadline of our own calls. */
const START_TIMEOUT_S = 40;

/** As the stock unit, over the derived file. Never given up on: the controller is the one who may stop it. */
export function unitText(service: Service, command: readonly string[]): string {
  const check = [service.program, ...service.checkArguments];
  return `[Unit]
Description=${service.description.replaceAll("%", "%%")}
After=network.target syslog.service amphora-netns.service
Before=octavia-keepalived.service
Wants=syslog.service amphora-netns.service
# systemd.unit(5): no limit on starts, a restart is due as long as it takes.
StartLimitIntervalSec=0

[Service]
# systemd.service(5): -Ws tells READY=1 when the worker serves. 143 is how its master ends on SIGTERM.
Type=notify
SELinuxContext=-system_u:system_r:haproxy_t:s0
# The folder of the control socket is in memory: after a reboot this unit comes before the agent.
ExecStartPre=/bin/mkdir -p -m 0700 ${commandLine([dirname(service.controlSocket)])}
ExecStartPre=${commandLine(check)}
ExecStart=${commandLine(command)}
ExecReload=${commandLine(check)}
ExecReload=/bin/kill -USR2 $MAINPID
PIDFile=${service.pidFile.replaceAll("%", "%%")}
KillMode=mixed
SuccessExitStatus=143
Restart=always
RestartSec=250ms
TimeoutStartSec=${START_TIMEOUT_S}
# 2.5 files a connection with splicing, for up to a million of them.
LimitNOFILE=${WANTED_OPEN_FILES}

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines": `%` and `$` are doubled, words with blanks quoted. */
export function commandLine(words: readonly string[]): string {
  return words
    .map((word) => word.replaceAll("%", "%%").replaceAll("$", "$$$$"))
    .map((word) => (/^[^\s"'\\;]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`))
    .join(" ");
}
