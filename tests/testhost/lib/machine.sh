# shellcheck shell=bash
# Sourced by zfshost: `bake`, `start`, `stop`, `list`. A machine is one folder, $run: disks, qmp.sock,
# console.log, pid, port, known_hosts, and `env` for whoever wants to connect.

qmp() { python3 "$here/lib/qmp.py" "$run/qmp.sock" "$@"; }

# launch EXTRA...: makes the disks and starts QEMU in $run; returns when its sockets are there.
launch() {
    local number kernel_options drives=()
    for ((number = 1; number <= disks; number++)); do
        truncate --size="$size" "$run/disk$number.img"
        drives+=(-drive "if=none,id=disk$number,format=raw,cache=unsafe,discard=unmap,file=$run/disk$number.img"
            -device "virtio-blk-pci,drive=disk$number,serial=disk$number")
    done
    # 112 is the processor flag that makes the kernel copy with `rep movs`, slow when emulated.
    kernel_options="console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off init_on_alloc=0"
    kernel_options+=" tsc=reliable random.trust_cpu=on clearcpuid=112 zfs.zfs_arc_max=134217728"
    # Port 0: the kernel picks a free one, so machines started at the same moment cannot collide.
    # restrict: the machine reaches nothing, it can only be reached.
    qemu-system-x86_64 "${accelerator[@]}" -daemonize -pidfile "$run/pid" \
        -machine pc,usb=off,vmport=off,hpet=off -m "$memory" -smp 1 \
        -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$image/vmlinuz" -initrd "$image/initrd" -append "$kernel_options" \
        -serial "file:$run/console.log" -qmp "unix:$run/qmp.sock,server=on,wait=off" \
        -drive "if=none,id=root,format=raw,readonly=on,file=$image/root.img" \
        -device virtio-blk-pci,drive=root,serial=root \
        -netdev user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-10.0.2.15:22 \
        -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci \
        "${drives[@]}" "$@" 2>"$run/qemu.log" 9>&- || die "QEMU did not start: $(cat "$run/qemu.log")"
    qmp human-monitor-command '{"command-line": "info usernet"}' |
        awk '$1 == "TCP[HOST_FORWARD]" { print $4 }' >"$run/port"
    echo "[127.0.0.1]:$(<"$run/port") $(cut -d' ' -f1,2 "$image/hostkey.pub")" >"$run/known_hosts"
}

is_running() {
    [ -s "$run/pid" ] && grep -qzF "$run/pid" "/proc/$(<"$run/pid")/cmdline" 2>/dev/null
}

patience=10
connect() { # USER COMMAND...
    ssh -F none -i "$key" -p "$(<"$run/port")" -o LogLevel=ERROR -o BatchMode=yes \
        -o IdentitiesOnly=yes -o ConnectTimeout="$patience" -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$run/known_hosts" "$1@127.0.0.1" "${@:2}"
}

# wait_for COMMAND...: until ssh works and the command, which gets random bytes, succeeds.
wait_for() {
    local deadline=$((SECONDS + 300))
    patience=1
    # A connection made before the machine listens hangs in QEMU's network for seconds: better to
    # give it up and try again, with more patience each time in case the machine is only slow.
    until head -c 64 /dev/urandom | connect root "$@" 2>>"$run/ssh.log"; do
        is_running || die "the machine ended; see $run/console.log"
        [ "$SECONDS" -lt "$deadline" ] || die "not up after 300 s; see $run/console.log"
        patience=$((patience + 1))
        sleep 0.1
    done
}

# A saved memory fits only the image and the QEMU it was made with.
stamp() {
    cat "$image/id"
    qemu-system-x86_64 --version
    sha256sum <"$here/lib/machine.sh"
    echo "${accelerator[@]}"
}

is_baked() {
    [ -e "$baked/stamp" ] && [ "$(<"$baked/stamp")" = "$(stamp)" ]
}

bake() {
    is_built || die "not built, or out of date; run: zfshost build -z $zfs"
    if is_baked; then return; fi
    local status=
    run=$home/bake-$zfs
    stop
    mkdir -p "$run"
    # On failure the folder stays, for its logs.
    trap end_process EXIT
    launch
    # Dropped caches are pages that need not be saved and read back.
    wait_for 'sync; echo 3 >/proc/sys/vm/drop_caches'
    qmp migrate-set-parameters '{"max-bandwidth": 4000000000}' migrate "{\"uri\": \"exec:cat >'$run/ram'\"}" >/dev/null
    until [ "$status" = completed ]; do
        status=$(qmp query-migrate | sed -n 's/.*"status": "\([a-z]*\)".*/\1/p')
        [ "$status" != failed ] || die "could not save the machine's memory"
        sleep 0.1
    done
    rm -rf "$baked"
    mkdir -p "$baked"
    mv "$run/ram" "$baked/"
    stamp >"$baked/stamp"
    stop
}

start() {
    local options="z=$zfs n=$disks s=$size m=$memory owner=$owner"
    if is_running; then
        [ "$(<"$run/options")" = "$options" ] ||
            die "$name runs already, started with $(<"$run/options"); stop it first: zfshost stop $name"
        cat "$run/port"
        return
    fi
    is_built || die "not built, or out of date; run: zfshost build -z $zfs"
    rm -rf "$run"
    mkdir -p "$run"
    trap end_process EXIT
    if is_baked; then
        launch -incoming "exec:cat '$baked/ram'"
        until [[ $(qmp query-status) == *'"running": true'* ]]; do
            is_running || die "QEMU ended while reading the bake: $(<"$run/qemu.log")"
            sleep 0.05
        done
    else
        say "no bake for this version and shape: booting, which takes longer"
        launch
    fi
    wait_for "/usr/lib/testhost/personalize '$name' $(date +%s)"
    trap - EXIT
    echo "$options" >"$run/options"
    printf '%s\n' HOST=127.0.0.1 "PORT=$(<"$run/port")" "KEY=$key" "KNOWN_HOSTS=$run/known_hosts" >"$run/env"
    cat "$run/port"
}

end_process() {
    local pid
    if is_running; then
        pid=$(<"$run/pid")
        kill -KILL "$pid"
        while [ -e "/proc/$pid" ]; do sleep 0.05; done
    fi
}

stop() {
    end_process
    rm -rf "$run"
}

stop_all_of() { # OWNER
    local options
    for options in "$home"/run/*/options; do
        [ -e "$options" ] || continue
        case $(<"$options") in *" owner=$1")
            set_machine "$(basename "$(dirname "$options")")"
            exclusively "start-$name" stop
            ;;
        esac
    done
}

list() {
    local options
    for options in "$home"/run/*/options; do
        [ -e "$options" ] || continue
        run=$(dirname "$options")
        is_running || continue
        echo "$(basename "$run") port=$(<"$run/port") pid=$(<"$run/pid") $(<"$options")"
    done
}
