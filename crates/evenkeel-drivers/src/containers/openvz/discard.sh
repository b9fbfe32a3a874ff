# Takes away what is left of a build: `ID AREA FOLDER NAME MARK`. Without that mark nothing is touched, and no container that is
# called otherwise than ours are; unless it has no name and no files yet, since its making ended midway.
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C

fail() {
	echo "$1" >&2
	exit 1
}

has_files() {
	[ -n "$(ls -A -- "$area" 2>/dev/null)" ]
}

is_ours() {
	called=$(sed -n 's/^[[:blank:]]*HOSTNAME="\{0,1\}\([^" ]*\).*/\1/p' "$conf" | tail -n 1)
	case $called in
	evenkeel-build-*) ;;
	'') ! has_files ;;
	*) return 1 ;;
	esac
}

# Destroys the container, whatever it was doing.
destroy() {
	vzctl stop "$id" --fast
	vzctl umount "$id"
	vzctl destroy "$id"
	[ ! -e "$conf" ] || fail "the container $id could not be destroyed: it is looked at again with the next run"
	! grep -q -s "^[[:blank:]]*${id}[[:blank:]]" /proc/vz/veinfo ||
		fail "the container $id still runs: it is looked at again with the next run"
}

# What was checked and has its record already, as place.sh writes it, gets its name.
finish() {
	new=$folder/.$name.evenkeel-new
	[ -f "$new" ] && [ ! -e "$folder/.$name.json.evenkeel-new" ] && [ -f "$folder/$name.json" ] || return 0
	known=$(stat -c '"bytes":%s,"mtime":%Y,' -- "$new") || return
	! grep -q -F -e "$known" -- "$folder/$name.json" || mv -f -- "$new" "$folder/$name"
}

main() {
	id=$1 area=$2 folder=$3 name=$4 text=$5
	mark=$root/var/lib/evenkeel/containers/$id
	[ -e "$mark" ] || return 0
	[ "$(cat -- "$mark")" = "$text" ] || fail "the container $id has another mark than this build's: plan again"
	conf=$root/etc/vz/conf/$id.conf
	if if [ -e "$conf" ]; then is_ours; else ! has_files; fi; then
		[ ! -e "$conf" ] || destroy
		# What is mounted there would be emptied with it. The kernel tells of no links.
		real=$(readlink -f -- "$area") && [ -n "$real" ] || real=$area
		! grep -q -F -e " $area/" -e " ${area%/private/*}/root/$id " \
			-e " $real/" -e " ${real%/private/*}/root/$id " /proc/mounts ||
			fail "the container $id is still mounted: it is looked at again with the next run"
		rm -rf -- "$area" "$area.tmp" "$conf.destroyed"
		[ ! -e "$area" ] || fail "$area could not be removed: remove it by hand"
	else
		echo "the container $id was not made by this build, and is left alone" >&2
	fi
	finish || exit 1
	rm -f -- "$folder/.$name.evenkeel-new" "$folder/.$name.json.evenkeel-new" || exit 1
	rm -f -- "${mark%/*}/.$id".* "$mark"
}

main "$@" </dev/null
