# Runs a script of a manifest: `NAME`, the script on standard input.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
export PATH HOME DEBIAN_FRONTEND=noninteractive
umask 022
text=

tidy() {
	[ -z "$text" ] || rm -f -- "$text"
}

main() {
	name=$1
	if [ ! -d "$root/tmp" ]; then
		mkdir -p -- "$root/tmp"
		chmod 1777 "$root/tmp"
	fi
	trap tidy EXIT
	trap 'exit 143' HUP INT TERM
	text=$(mktemp "$root/tmp/evenkeel.XXXXXX")
	cat >"$text"
	status=0
	/bin/sh -e "$text" </dev/null || status=$?
	if [ "$status" -ne 0 ]; then
		echo "the script \"$name\" ended with status $status" >&2
	fi
	return "$status"
}

