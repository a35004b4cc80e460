#!/bin/sh
# kernel-settings.sh FILE=VALUE...
# Writes each VALUE to /proc/sys/FILE of the namespace it runs in. What this kernel does not have is left out.
for setting in "$@"; do
  file=/proc/sys/${setting%%=*}
  [ ! -e "$file" ] || echo "${setting#*=}" >"$file" || exit 1
done
