# Begins a build: `ID STORAGE FOLDER KIB LOG MARK`. No guest of the cluster has the id, no volume of the storage is of it, there
# is room for so much in the folder of templates, and our mark is set. The log of the build before gets another name.
set -eu
root=${EVENKEEL_ROOT-}
export LC_ALL=C

fail() {
	echo "$1: nothing was begun" >&2
	exit 1
}

main() {
	id=$1 storage=$2 folder=$3 kib=$4 log=$5 text=$6
	for conf in "$root"/etc/pve/nodes/*/lxc/"$id".conf "$root"/etc/pve/nodes/*/qemu-server/"$id".conf; do
		[ ! -e "$conf" ] || fail "there is a guest $id already (${conf#"$root"})"
	done
	# What a build leaves is known by the id, so nothing of others may have it.
	listed=$(pvesm list "$storage" --vmid "$id") || fail "the storage $storage cannot be listed"
	volumes=$(printf '%s\n' "$listed" | sed -n "s|^\($storage:[^ ]*-$id-disk-[^ ]*\).*|\1|p")
	[ -z "$volumes" ] || fail "$volumes is there already, of a guest $id"
	has=$(df -P -k "$folder" | awk 'NR > 1 && $(NF - 1) ~ /%$/ { print $(NF - 2) }') || has=''
	[ -z "$has" ] || [ "$has" -ge "$kib" ] || fail "$folder has room for $has KiB, and the build needs about $kib KiB"
	new=$folder/.${text##* }.evenkeel-new
	[ ! -e "$new" ] || fail "there is $new already, of a build on another machine or one that was left: remove it if nobody builds"
	if [ -s "$log" ]; then
		mv -f -- "$log" "$log.1"
	fi
	mkdir -p -- "$root/var/lib/evenkeel/containers"
	mark=$root/var/lib/evenkeel/containers/$id
	# It is never that of two builds. And it is there whole, or not at all.
	whole=${mark%/*}/.$id.$$
	printf '%s\n' "$text" >"$whole"
	ln -- "$whole" "$mark" 2>/dev/null || {
		rm -f -- "$whole"
		fail "another build has the id $id ($mark)"
	}
	rm -f -- "$whole"
	# Where its making ends midway, no settings of the container tell of its volumes.
	printf '%s\n' "$storage" >"$mark.storage"
	sync
}

main "$@" </dev/null
