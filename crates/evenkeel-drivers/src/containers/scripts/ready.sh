# Waits until a container has started, and where `network` is its argument, until it has a route.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C

# True where systemd is the first process, be it at the very beginning of its work.
has_systemd() {
	[ -d "$root/run/systemd/system" ] && return 0
	case $(readlink "$root/proc/1/exe" 2>/dev/null) in
	*/systemd) return 0 ;;
	esac
	return 1
}

# True once the system has started, or does not tell. What is run before that loses its files in /tmp, and more.
started() {
	if has_systemd; then
		state=$(systemctl is-system-running 2>/dev/null) || :
		case $state in
		# It does not answer yet, but for one before 215, which does not know the question.
		offline | unknown | '') systemctl show-environment >/dev/null 2>&1 || return 1 ;;
		initializing | starting) return 1 ;;
		esac
	elif command -v runlevel >/dev/null 2>&1; then
		state=$(runlevel 2>/dev/null) || return 1
		[ "$state" != unknown ]
	fi
}

# True once any network but its own can be reached.
routed() {
	for table in "$root/proc/net/route" "$root/proc/net/ipv6_route"; do
		[ -r "$table" ] || continue
		while read -r first second rest; do
			case $first:$rest in
			Iface:* | lo:* | *lo) continue ;;
			esac
			# Of IPv6, what every interface has by itself says nothing.
			case $first in
			fe80* | ff0*) continue ;;
			esac
			[ -z "$second" ] || return 0
		done <"$table"
	done
	return 1
}

main() {
	left=${EVENKEEL_PATIENCE:-90}
	until started; do
		if [ "$left" -le 0 ]; then
			# A service that waits for ever for something that is not here must not keep us from the rest.
			echo "the container is still starting; going on" >&2
			break
		fi
		left=$((left - 1))
		sleep 1
	done
	[ "${1-}" = network ] || return 0
	left=${EVENKEEL_PATIENCE:-90}
	until routed; do
		if [ "$left" -le 0 ]; then
			echo "no network came up in the container: there is no route; look at build.address and the bridge" >&2
			return 1
		fi
		left=$((left - 1))
		sleep 1
	done
}

main "$@" </dev/null
