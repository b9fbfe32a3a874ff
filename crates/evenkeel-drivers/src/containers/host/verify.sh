# Checks a template before it gets its name: `FOLDER NAME BYTES ROOT`. It lies in the folder as `.NAME.evenkeel-new`, has at
# least so many bytes, can be read to its end, and has the system in it that is below ROOT, where it was packed.
set -u
export LC_ALL=C

fail() {
	echo "$1: it is not put in place" >&2
	exit 1
}

unpacked() {
	case $name in
	*.tar) cat <"$new" ;;
	*.gz | *.tgz) gzip -dc <"$new" ;;
	*.xz) xz -dc <"$new" ;;
	*.zst) zstd -dcq <"$new" ;;
	*) return 1 ;;
	esac
}

# Prints `odd NAME` for a member that is not below `.` or is left over from our work, and `members N`.
judge() {
	awk '{
		members++
		if ($0 !~ /^\.(\/|$)/ || $0 ~ /\.evenkeel-new$/) { if (!odd++) print "odd " $0 }
	} END { print "members " members + 0 }'
}

# Prints what the members are like, and `ended STATUS` of each program that read the template.
members() {
	{
		{
			unpacked
			echo "ended $?" >&3
		} | {
			tar -tf -
			echo "ended $?" >&3
			# Not all of them read what is behind the end.
			cat >/dev/null
		} | judge >&3
	} 3>&1
}

# The files that tell which system it is. Where they are links, what they lead to is one of them, too.
release() {
	for file in usr/lib/os-release etc/os-release etc/debian_version etc/redhat-release etc/SuSE-release \
		etc/gentoo-release etc/alpine-release etc/slackware-version etc/arch-release; do
		if [ -f "$system/$file" ] && [ ! -L "$system/$file" ] && [ -s "$system/$file" ]; then
			echo "$file"
			return
		fi
	done
}

main() {
	folder=$1 name=$2 least=$3 system=$4
	new=$folder/.$name.evenkeel-new
	[ -f "$new" ] || fail "there is no $new"
	bytes=$(wc -c <"$new") || fail "$new cannot be read"
	bytes=$((bytes))
	[ "$bytes" -ge "$least" ] || fail "$new has $bytes bytes, and at least $least are expected of what it was made of"
	told=$(members) || fail "$new cannot be read"
	case $told in
	*ended\ [!0]*) fail "$new is damaged: it cannot be unpacked to its end" ;;
	*odd\ *) fail "$new has a member that does not belong into it: $(printf '%s\n' "$told" | sed -n 's/^odd //p')" ;;
	*members\ 0*) fail "$new is empty" ;;
	esac
	# Both programs have to tell, and what counts the members: silence is no good news.
	case $(printf '%s\n' "$told" | sort | tr '\n' ' ') in
	ended\ 0\ ended\ 0\ members\ [1-9]*) ;;
	*) fail "$new could not be read to its end" ;;
	esac
	file=$(release)
	[ -n "$file" ] || echo "nothing in the container tells which system it is, so that this was not compared"
	[ -z "$file" ] || unpacked | tar -xOf - "./$file" | cmp -s - "$system/$file" ||
		fail "/$file in $new is not what it is in the container"
}

main "$@" </dev/null
