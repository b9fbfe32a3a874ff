# Tells what is in a folder of templates: `FOLDER`. One line for each thing, its name last; `end` comes last of all, and
# without it something was cut off:
#   missing                       there is no such folder, and nothing else is told of it
#   host NAME                     what this machine calls itself
#   file BYTES SECONDS NAME       a file, and when it was written
#   other NAME                    a folder, or a link that leads nowhere
#   record NAME, then `= TEXT`    what a file NAME says that ends in `.json`; `large` instead of a text above 256 KiB
#   odd                           a file whose name has a line break
#   mark ID, then `= TEXT`        our mark on a scratch container, its lines with a blank between them
#   log PATH                      a process of the machine itself prints to this log of ours
#   fresh PATH                    this log of ours was written to less than a minute ago
#   free KIB                      what is free there
#   pve VERSION                   the Proxmox VE that is installed
# shellcheck disable=SC2012,SC2035 # The links of /proc have no odd names; `--` stands before those of files.
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C
break='
'

# What is in the folder, of the names that are given. What cannot be told must not look as if it were not there.
entries() {
	for name; do
		[ -e "$name" ] || [ -L "$name" ] || continue
		case $name in
		*"$break"*)
			echo odd
			continue
			;;
		esac
		if [ ! -f "$name" ]; then
			printf 'other %s\n' "$name"
		elif told=$(stat -L -c '%s %Y' -- "$name"); then
			printf 'file %s %s\n' "$told" "$name"
			case $name in
			*.json) record "$name" ;;
			esac
		elif [ -e "$name" ]; then
			exit 1
		fi
	done
}

record() {
	bytes=$(wc -c <"$1") || return
	printf 'record %s\n' "$1"
	if [ "$bytes" -gt 262144 ]; then
		echo large
	else
		# A line break in JSON is never part of a text.
		printf '= %s\n' "$(tr '\r\n' '  ' <"$1")"
	fi
}

marks() {
	for mark in "$root"/var/lib/evenkeel/containers/*; do
		[ -f "$mark" ] || continue
		printf 'mark %s\n= %s\n' "${mark##*/}" "$(head -c 4096 -- "$mark" | tr '\r\n' '  ')"
	done
}

# What runs in a container may have a log as its output as well, and goes on when nobody works on the container any more.
logs() {
	here=$(stat -L -c '%d:%i' /)
	printf '%s\n' /proc/[0-9]*/fd/1 | xargs ls -l 2>/dev/null |
		sed -n "s|.* /proc/\([0-9]*\)/fd/1 -> \($root/var/log/evenkeel/.*\)|\1 \2|p" | while read -r process log; do
		[ "$(stat -L -c '%d:%i' "/proc/$process/root" 2>/dev/null)" != "$here" ] || printf 'log %s\n' "${log#"$root"}"
	done
}

fresh() {
	find "$root/var/log/evenkeel" -type f -name '*.log' -mmin -1 2>/dev/null | while read -r log; do
		printf 'fresh %s\n' "${log#"$root"}"
	done
}

main() {
	printf 'host %s\n' "$(uname -n)"
	if cd -- "$1" 2>/dev/null; then
		entries * .[!.]*
		df -P -k . 2>/dev/null | awk 'NR > 1 && $(NF - 1) ~ /%$/ { free = $(NF - 2) } END { if (free != "") print "free " free }'
	else
		echo missing
	fi
	marks
	logs
	fresh
	dpkg-query -W -f '${Status} ${Version}\n' pve-manager 2>/dev/null | sed -n 's/^install ok installed /pve /p'
	echo end
}

main "$@" </dev/null
