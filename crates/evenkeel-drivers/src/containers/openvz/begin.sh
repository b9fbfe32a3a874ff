# Begins a build: `ID AREA FOLDER KIB LOG MARK`. The id is free, there is room for so much in the folder of templates and for
# three times as much where containers are, and our mark is set. The log of the build before gets another name.
set -eu
root=${EVENKEEL_ROOT-}
export LC_ALL=C

fail() {
	echo "$1: nothing was begun" >&2
	exit 1
}

# How much is free where a folder is, in KiB.
free() {
	df -P -k "$1" | awk 'NR > 1 && $(NF - 1) ~ /%$/ { print $(NF - 2) }'
}

# What is not told is left to the steps that need it.
room() {
	has=$(free "$1") || return 0
	[ -z "$has" ] || [ "$has" -ge "$2" ] || fail "$1 has room for $has KiB, and the build needs about $2 KiB"
}

main() {
	id=$1 area=$2 folder=$3 kib=$4 log=$5 text=$6
	[ ! -e "$root/etc/vz/conf/$id.conf" ] || fail "there is a container $id already"
	[ ! -e "$area" ] || fail "there is $area already, of a container $id"
	new=$folder/.${text##* }.evenkeel-new
	[ ! -e "$new" ] || fail "there is $new already, of a build on another machine or one that was left: remove it if nobody builds"
	room "$folder" "$kib"
	room "${area%/*}" $((kib * 3))
	if [ -s "$log" ]; then
		mv -f -- "$log" "$log.1"
	fi
	# That of another container with this id: what is left of ours is removed.
	if [ -e "$root/etc/vz/conf/$id.conf.destroyed" ]; then
		mv -f -- "$root/etc/vz/conf/$id.conf.destroyed" "$root/etc/vz/conf/$id.conf.destroyed.1"
	fi
	mkdir -p -- "$root/var/lib/evenkeel/containers"
	mark=$root/var/lib/evenkeel/containers/$id
	# Nothing but a mark says that what has this id may be destroyed, so it is never that of two builds. And it is there whole, or not at all.
	whole=${mark%/*}/.$id.$$
	printf '%s\n' "$text" >"$whole"
	ln -- "$whole" "$mark" 2>/dev/null || {
		rm -f -- "$whole"
		fail "another build has the id $id ($mark)"
	}
	rm -f -- "$whole"
	sync
}

main "$@" </dev/null
