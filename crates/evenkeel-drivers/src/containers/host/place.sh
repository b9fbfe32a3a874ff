# Gives a template its name: `FOLDER NAME DIGEST`, with its record on standard input, a line of JSON. The template lies in the folder
# as `.NAME.evenkeel-new`. First comes the record, `NAME.json`, which tells its size and time: a template that has its name
# has its record, and one of before loses its own. What has the name by now is replaced only where its record tells this digest
# (`-`: nothing is replaced): a build takes long, and others put files there.
set -eu
export LC_ALL=C

fail() {
	echo "$1, and is not replaced: rename it, or change output.version" >&2
	exit 1
}

main() {
	folder=$1 name=$2 digest=$3
	for there in "$folder/$name" "$folder/$name.json"; do
		[ -e "$there" ] || [ -L "$there" ] || continue
		[ -f "$there" ] || fail "$there is there, and no file"
		if [ "$digest" = - ] || ! grep -q -s -F -e "\"digest\":\"$digest\"" -- "$folder/$name.json"; then
			fail "$there is there since the build began"
		fi
	done
	new=$folder/.$name.evenkeel-new
	record=$folder/.$name.json.evenkeel-new
	IFS= read -r fields
	case $fields in
	\{*\}) ;;
	*)
		echo "the record of $name did not arrive whole" >&2
		exit 1
		;;
	esac
	known=$(stat -c '"bytes":%s,"mtime":%Y' -- "$new")
	sum=$(sha256sum <"$new")
	built=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	umask 022
	printf '%s,%s,"sha256":"%s","built":"%s","host":"%s"}\n' "${fields%\}}" "$known" "${sum%% *}" "$built" "$(uname -n)" >"$record"
	chmod 0644 -- "$new"
	sync
	mv -f -- "$record" "$folder/$name.json"
	mv -f -- "$new" "$folder/$name"
	sync
}
