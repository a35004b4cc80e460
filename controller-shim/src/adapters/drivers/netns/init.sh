#!/bin/sh
# init.sh FOLDER HOSTNAME BOOT_MARK NODE BUNDLE NODE_FLAGS ARGUMENT...
#
# PID 1 of one amphora, started in its own network, mount, pid, uts and ipc namespaces. Builds a root of its own (the
# machine's programs read-only, everything else in RAM, FOLDER/octavia as the only thing on disk), takes the boot files
# from standard input (a tar stream, complete when it holds BOOT_MARK), then keeps the agent running for ever. Programs
# the agent leaves behind (haproxy) become children of this process and outlive it. Says "started" on descriptor 3.
# Restarting here, not in the controller, is what keeps an amphora healthy while the controller is away.
set -u
folder=$1 hostname=$2 boot_mark=$3 node=$4 bundle=$5 node_flags=$6
shift 6

fail() {
  echo "init: $1" >&2
  exit 1
}

start_time() {
  shift 19 # proc(5): starttime is field 22, the 20th after the command's closing parenthesis
  echo "$1"
}

# Two inits of one amphora cannot be: the kernel holds this lock for as long as this process lives.
exec 9>"$folder/init.lock"
flock -n 9 || fail "this amphora already has an init"
# The machine's own /proc is still mounted here: it knows this process by the pid the machine knows.
read -r stat </proc/self/stat
echo "${stat%% *} $(start_time ${stat##*) })" >"$folder/init.pid.new" &&
  mv "$folder/init.pid.new" "$folder/init.pid" || fail "cannot write the pid file"

# Secrets lie in these file systems: kept out of swap where the kernel can (6.4 and later).
private_tmpfs() {
  mount -t tmpfs -o "nosuid,nodev,mode=$2,size=$3,noswap" tmpfs "$1" 2>/dev/null ||
    mount -t tmpfs -o "nosuid,nodev,mode=$2,size=$3" tmpfs "$1" || fail "cannot mount $1"
}

read_only() {
  mount --rbind "$1" "$2" && mount -o remount,bind,ro "$2" || fail "cannot show $1 in the amphora"
}

root=$folder/root
mount -t tmpfs -o mode=0755,size=1m tmpfs "$root" && cd "$root" || fail "cannot mount a root of its own"
mkdir -p dev krater machine proc run sys tmp var/lib/octavia
ln -s /run var/run
for name in usr bin sbin lib lib32 lib64 libx32 etc; do
  if [ -L "/$name" ]; then
    cp -P "/$name" "$name"
  elif [ -d "/$name" ]; then
    mkdir "$name"
    read_only "/$name" "$name"
  fi
done
for name in null zero full random urandom; do
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name" || fail "cannot show /dev/$name"
done
ln -s /proc/self/fd dev/fd
: >krater/node
read_only "$node" krater/node
: >krater/agent.cjs
read_only "$bundle" krater/agent.cjs
if [ -d /var/lib/dpkg ]; then
  mkdir var/lib/dpkg # names the versions of haproxy and keepalived
  read_only /var/lib/dpkg var/lib/dpkg
fi
mount --bind "$folder/octavia" var/lib/octavia || fail "cannot show the amphora's own folder"
mkdir -p var/lib/octavia/certs
private_tmpfs var/lib/octavia/certs 0700 16m
private_tmpfs run 0755 64m
private_tmpfs tmp 1777 64m
mount -t proc -o nosuid,nodev,noexec proc proc || fail "cannot mount /proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys || fail "cannot mount /sys"

# The old root goes away as a whole, and with it every copy of another amphora's namespace this one would keep alive.
pivot_root . machine && cd / && umount -l /machine && rmdir /machine || fail "cannot change the root"
mount -o remount,ro / || fail "cannot make the root read-only"

umask 077
tar -x -f - -C / && [ -e "$boot_mark" ] || fail "the boot files did not arrive whole"
umask 022
exec </dev/null

echo "$hostname" >/proc/sys/kernel/hostname

stopping=
agent=
trap 'stopping=1; [ -z "$agent" ] || kill -TERM "$agent" 2>/dev/null' TERM
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
cd /run
pause=0
while [ -z "$stopping" ]; do
  # The log has a bound also while the agent cannot start and nobody looks after the amphora.
  if [ "$(stat -L -c %s /proc/self/fd/2)" -gt 5242880 ]; then : >/proc/self/fd/2; fi
  began=$(date +%s)
  /krater/node $node_flags /krater/agent.cjs "$@" 3>&- 9>&- &
  agent=$!
  echo started >&3 2>/dev/null
  exec 3>/dev/null # said once; the controller may be gone by now
  # A signal ends `wait` early; while it waits it also reaps what others left behind.
  while kill -0 "$agent" 2>/dev/null; do
    wait "$agent"
    status=$?
  done
  agent=
  [ -z "$stopping" ] || break
  echo "init: the agent ended with status $status" >&2
  # A run of ten seconds was a good one; else wait longer every time, up to 8 s.
  if [ $(($(date +%s) - began)) -ge 10 ] || [ "$pause" -eq 0 ]; then
    pause=1
    sleep 0.2 &
  else
    sleep "$pause" &
    pause=$((pause * 2))
    [ "$pause" -le 8 ] || pause=8
  fi
  wait $!
done
