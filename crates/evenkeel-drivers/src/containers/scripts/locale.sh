# Makes a locale where it is missing, and makes it the system's: `LOCALE`.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 022

has() {
	command -v "$1" >/dev/null 2>&1
}

# `ja_JP.UTF-8` is listed as `ja_JP.utf8`.
plain() {
	printf '%s\n' "$1" | tr -d '-' | tr '[:upper:]' '[:lower:]'
}

is_there() {
	case $1 in
	C | POSIX | C.UTF-8 | C.utf8) return 0 ;;
	esac
	has locale || return 1
	wanted=$(plain "$1")
	for known in $(locale -a 2>/dev/null); do
		[ "$(plain "$known")" != "$wanted" ] || return 0
	done
	return 1
}

# musl has no locales that could be made: it takes any name.
has_musl() {
	for file in "$root"/lib/ld-musl-*; do
		[ -e "$file" ] && return 0
	done
	return 1
}

# The character set that belongs to a locale of the list that locale-gen reads.
charset() {
	case $1 in
	*.*)
		set=${1#*.}
		set=${set%%@*}
		;;
	*) set=ISO-8859-1 ;;
	esac
	case $set in
	utf8 | UTF8 | utf-8) set=UTF-8 ;;
	esac
	printf '%s\n' "$set"
}

make() {
	if has locale-gen; then
		list=$root/etc/locale.gen
		line="$1 $(charset "$1")"
		if [ ! -f "$list" ] || ! grep -q -x -F -e "$line" "$list"; then
			printf '%s\n' "$line" >>"$list"
		fi
		# Ubuntu's older one takes it as an argument and reads no list; the others take no argument.
		if [ -d "$root/var/lib/locales/supported.d" ]; then
			locale-gen "$1"
		else
			locale-gen
		fi
	elif has localedef; then
		language=${1%%.*}
		case $1 in
		*@*) language=$language@${1#*@} ;;
		esac
		# 1: made, with warnings.
		localedef -i "$language" -f "$(charset "$1")" "$1" || [ $? -eq 1 ]
	else
		return 1
	fi
}

# Sets LANG in a file, and leaves the rest of it: `FILE LOCALE QUOTE BEFORE`.
set_lang() {
	file=$root$1
	mkdir -p -- "${file%/*}"
	[ -f "$file" ] || : >"$file"
	cp -p -- "$file" "$file.evenkeel-new"
	{
		grep -v -e '^LANG=' -e '^export LANG=' "$file" || :
		printf '%sLANG=%s%s%s\n' "$4" "$3" "$2" "$3"
	} >"$file.evenkeel-new"
	mv -f -- "$file.evenkeel-new" "$file"
}

main() {
	locale=$1
	if ! is_there "$locale" && ! has_musl; then
		if ! make "$locale" || { has locale && ! is_there "$locale"; }; then
			echo "the locale $locale is not there and could not be made: install what has it (Debian: locales; Fedora and EL 8 on: glibc-langpack-${locale%%_*}; SUSE: glibc-locale)" >&2
			return 1
		fi
	fi
	if [ -f "$root/etc/debian_version" ]; then
		set_lang /etc/default/locale "$locale" '' ''
	elif [ -f "$root/etc/sysconfig/i18n" ]; then
		set_lang /etc/sysconfig/i18n "$locale" '"' ''
	elif [ -d "$root/etc/env.d" ]; then
		set_lang /etc/env.d/02locale "$locale" '"' ''
		if has env-update; then
			env-update
		fi
	elif [ -f "$root/etc/locale.conf" ] || [ -d "$root/run/systemd/system" ] || [ -d "$root/usr/lib/systemd" ]; then
		set_lang /etc/locale.conf "$locale" '' ''
	elif [ -d "$root/etc/sysconfig" ]; then
		set_lang /etc/sysconfig/i18n "$locale" '"' ''
	else
		set_lang /etc/profile.d/locale.sh "$locale" '' 'export '
	fi
}

main "$@" </dev/null
