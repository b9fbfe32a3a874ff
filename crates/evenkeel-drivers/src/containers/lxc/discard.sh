# Takes away what is left of a build: `ID FOLDER NAME MARK`. Without that mark on the id nothing is touched, and no container
# whose description does not say that NAME is built in it; unless it has no settings yet, since its making ended midway.
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C

fail() {
	echo "$1" >&2
	exit 1
}

is_ours() {
	! grep -q -v -e '^lock: ' -e '^[[:blank:]]*$' "$conf" || grep -q -F -e "#Evenkeel builds $name " "$conf"
}

# Destroys the container, whatever it was doing.
destroy() {
	pct stop "$id"
	! grep -q '^lock: mounted' "$conf" || pct unmount "$id"
	rootfs=$root/var/lib/lxc/$id/rootfs
	! grep -q -F " $rootfs " /proc/mounts || umount -- "$rootfs"
	# What is mounted there might be emptied with it.
	! grep -q -F " $rootfs " /proc/mounts ||
		fail "the container $id is still mounted: it is looked at again with the next run"
	! grep -q '^lock: ' "$conf" || pct unlock "$id"
	pct destroy "$id"
	[ ! -e "$conf" ] || fail "the container $id could not be taken away: destroy it by hand"
}

# Where its making ended midway, its settings do not tell of them.
volumes() {
	storage=$(cat -- "$mark.storage" 2>/dev/null) || return 0
	listed=$(pvesm list "$storage" --vmid "$id") || fail "the storage $storage cannot be listed"
	for volume in $(printf '%s\n' "$listed" | sed -n "s|^\($storage:[^ ]*-$id-disk-[^ ]*\).*|\1|p"); do
		pvesm free "$volume" || fail "$volume could not be removed: remove it by hand"
	done
}

# What was checked and has its record already, as place.sh writes it, gets its name.
finish() {
	new=$folder/.$name.evenkeel-new
	[ -f "$new" ] && [ ! -e "$folder/.$name.json.evenkeel-new" ] && [ -f "$folder/$name.json" ] || return 0
	known=$(stat -c '"bytes":%s,"mtime":%Y,' -- "$new") || return
	! grep -q -F -e "$known" -- "$folder/$name.json" || mv -f -- "$new" "$folder/$name"
}

main() {
	id=$1 folder=$2 name=$3 text=$4
	mark=$root/var/lib/evenkeel/containers/$id
	[ -e "$mark" ] || return 0
	[ "$(cat -- "$mark")" = "$text" ] || fail "the container $id has another mark than this build's: plan again"
	conf=$root/etc/pve/lxc/$id.conf
	other=$(find "$root"/etc/pve/nodes/*/lxc "$root"/etc/pve/nodes/*/qemu-server -name "$id.conf" 2>/dev/null)
	# A worker of Proxmox VE tells in its name what it does. (Only with `-q` a process that ends meanwhile is no failure.)
	! grep -q -s -a -e "UPID:.*:vz[a-z]*:$id:" /proc/[0-9]*/cmdline ||
		fail "Proxmox VE is at work on the container $id: it is looked at again with the next run"
	if [ -e "$conf" ] && is_ours; then
		destroy
		volumes
	elif [ -z "$other" ]; then
		volumes
	else
		echo "the guest $id was not made by this build, and is left alone" >&2
	fi
	finish || exit 1
	rm -f -- "$folder/.$name.evenkeel-new" "$folder/.$name.json.evenkeel-new" || exit 1
	rm -f -- "$mark.storage" "${mark%/*}/.$id".* "$mark"
}

main "$@" </dev/null
