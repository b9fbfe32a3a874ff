# Packs a container that is mounted: `ID FOLDER NAME`. The template lies in the folder as `.NAME.evenkeel-new` then, packed as its
# name says. The numbers of owners in it are those that the container sees, with the capabilities of its programs.
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C

fail() {
	echo "$1" >&2
	exit 1
}

# The words of `lxc-usernsexec` that stand for the numbers the container was started with; none where they are the host's.
maps() {
	config=$root/var/lib/lxc/$1/config
	if grep -q '^lxc\.id_*map' "$config" 2>/dev/null; then
		sed -n 's/^lxc\.id_*map *= *\([ug]\)  *\([0-9]*\)  *\([0-9]*\)  *\([0-9]*\) *$/-m \1:\2:\3:\4/p' "$config"
	elif grep -q '^unprivileged: *1' "$root/etc/pve/lxc/$1.conf"; then
		echo '-m u:0:100000:65536 -m g:0:100000:65536'
	fi
}

compressed() {
	case $name in
	*.tar.gz) gzip -c ;;
	*.tar.xz) xz -c ;;
	*.tar.zst) zstd -q -T0 -c ;;
	*)
		echo "nobody knows how to pack $name" >&2
		return 1
		;;
	esac
}

# Prints `ended STATUS` of each program.
packed() {
	{
		{
			"$@" tar --numeric-owner --one-file-system --sparse --acls --xattrs '--xattrs-include=user.*' \
				--xattrs-include=security.capability --warning=no-file-ignored --exclude=./lost+found -cf - .
			echo "ended $?" >&3
		} | {
			compressed >"$new"
			echo "ended $?" >&3
			# What packs is not to die of a closed pipe without a word.
			cat >/dev/null
		}
	} 3>&1
}

main() {
	id=$1 folder=$2 name=$3
	new=$folder/.$name.evenkeel-new
	# Those who have no right to the folders above it can pack what they stand in.
	cd -- "$root/var/lib/lxc/$id/rootfs" || fail "the container $id is not mounted"
	[ -n "$(ls -A)" ] || fail "the container $id is not mounted: there is nothing in it"
	words=$(maps "$id")
	# shellcheck disable=SC2086 # They are words without anything odd.
	set -- $words
	[ $# -eq 0 ] || set -- lxc-usernsexec "$@" --
	case $(packed "$@") in
	*ended\ [!0]*) fail "the container $id could not be packed" ;;
	*ended\ 0*ended\ 0*) ;;
	*) fail "the container $id could not be packed" ;;
	esac
}

main "$@" </dev/null
