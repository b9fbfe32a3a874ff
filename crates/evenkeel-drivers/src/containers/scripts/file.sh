# Writes a file (`content PATH MODE OWNER`, its content on standard input), puts a line into one
# (`line PATH MODE OWNER LINE`), or takes one away (`absent PATH`). A `-` for mode or owner: as it was.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 022

fail() {
	echo "$1" >&2
	exit 1
}

# Sets `file` to what a path leads to in the end: a link stays, and what it leads to is written, as an editor does it.
follow() {
	file=$root$1
	hops=0
	while [ -L "$file" ]; do
		hops=$((hops + 1))
		[ "$hops" -le 40 ] || fail "$1 is a link that leads to itself"
		leads=$(readlink "$file")
		case $leads in
		/*) file=$root$leads ;;
		*) file=${file%/*}/$leads ;;
		esac
	done
	[ ! -d "$file" ] || fail "$1 is a folder, and no file can be written in its place"
}

# Sets `new` to a copy of `file` with its mode and owner, or to an empty file.
prepare() {
	new=$file.evenkeel-new
	mkdir -p -- "${file%/*}/"
	rm -f -- "$new"
	if [ -e "$file" ]; then
		cp -p -- "$file" "$new"
	else
		: >"$new"
	fi
}

# Gives `new` its mode and owner, and puts it in the place of `file`.
finish() {
	# The mode last: to change the owner takes bits of it away.
	[ "$2" = - ] || chown -- "$2" "$new"
	[ "$1" = - ] || chmod -- "$1" "$new"
	mv -f -- "$new" "$file"
}

# Sets `key` to what stands before the `=` of a line, and `commented` where the line is behind a `#` or `;`.
key_of() {
	text=${1#"${1%%[! 	]*}"}
	commented=
	case $text in
	[#\;]*)
		commented=yes
		text=${text#"${text%%[!#; 	]*}"}
		;;
	esac
	key=
	case $text in
	*=*) key=${text%%=*} ;;
	esac
	key=${key%"${key##*[! 	]}"}
	case $key in
	*[!A-Za-z0-9_.:/-]*) key= ;;
	esac
}

# Sets `at` to the number of the line that `$1` shall replace: 0 where it is to be added, nothing where it is there already.
find_line() {
	key_of "$1"
	wanted=$key
	number=0
	active=0
	behind=0
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		if [ "$line" = "$1" ]; then
			at=
			return
		fi
		[ -n "$wanted" ] || continue
		key_of "$line"
		if [ "$key" = "$wanted" ]; then
			if [ -z "$commented" ]; then
				[ "$active" -ne 0 ] || active=$number
			else
				[ "$behind" -ne 0 ] || behind=$number
			fi
		fi
	done <"$file"
	at=$active
	[ "$at" -ne 0 ] || at=$behind
}

# Prints `file` with `$1` at the place that `at` tells.
with_line() {
	number=0
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		if [ "$number" = "$at" ]; then
			printf '%s\n' "$1"
		else
			printf '%s\n' "$line"
		fi
	done <"$file"
	[ "$at" -ne 0 ] || printf '%s\n' "$1"
}

put_line() {
	follow "$1"
	if [ -e "$file" ]; then
		find_line "$4"
		prepare
		[ -z "$at" ] || with_line "$4" >"$new"
	else
		prepare
		printf '%s\n' "$4" >"$new"
	fi
	finish "$2" "$3"
}

main() {
	action=$1
	shift
	case $action in
	content)
		follow "$1"
		prepare
		cat >"$new"
		finish "$2" "$3"
		;;
	line) put_line "$@" ;;
	absent)
		[ -L "$root$1" ] || [ ! -d "$root$1" ] || fail "$1 is a folder: remove it with a script in \`run\`"
		rm -f -- "$root$1"
		;;
	*) fail "file.sh does not know $action" ;;
	esac
}

