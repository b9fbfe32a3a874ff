# Brings packages up to date (`upgrade`), takes them away (`remove NAME…`), or puts them in (`install NAME…`).
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
export PATH HOME LC_ALL=C
# Nothing asks.
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none
export NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1 ZYPP_LOCK_TIMEOUT=600 EMERGE_DEFAULT_OPTS=
policy=
said=

has() {
	command -v "$1" >/dev/null 2>&1
}

tidy() {
	[ -z "$policy" ] || rm -f -- "$policy"
	[ -z "$said" ] || rm -f -- "$said"
}

manager() {
	if has apt-get && has dpkg; then
		echo apt
		return
	fi
	for name in dnf yum zypper apk pacman emerge; do
		if has "$name"; then
			echo "$name"
			return
		fi
	done
	echo "there is no package manager that Evenkeel knows: apt-get, dnf, yum, zypper, apk, pacman, emerge" >&2
	exit 127
}

# A system that has just started brings itself up to date. apt-get does not wait for that by itself.
wait_for_apt() {
	left=600
	# shellcheck disable=SC2010 # Where descriptors lead to stands in no name that a glob would give.
	while ls -l "$root"/proc/[0-9]*/fd 2>/dev/null | grep -q -e ' /var/lib/dpkg/lock' \
		-e ' /var/lib/apt/lists/lock' -e ' /var/cache/apt/archives/lock'; do
		if [ "$left" -le 0 ]; then
			echo "another program has the lock of apt-get for 10 minutes" >&2
			return 1
		fi
		left=$((left - 1))
		sleep 1
	done
}

# What is installed does not start here.
hold_services() {
	file=$root/usr/sbin/policy-rc.d
	[ ! -e "$file" ] && [ ! -L "$file" ] && [ -d "$root/usr/sbin" ] || return 0
	policy=$file
	printf '#!/bin/sh\nexit 101\n' >"$file"
	chmod 755 "$file"
}

apt_get() {
	apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		-o DPkg::Lock::Timeout=600 "$@"
}

# Its status is 0 also where a list could not be had, and what follows would take an old one.
apt_update() {
	said=$(mktemp "$root/tmp/evenkeel.XXXXXX")
	status=0
	apt_get -o APT::Update::Error-Mode=any update 2>"$said" || status=$?
	cat "$said" >&2
	if [ "$status" -eq 0 ] && grep -q '^W: Failed to fetch' "$said"; then
		status=100
	fi
	return "$status"
}

with_apt() {
	wait_for_apt
	hold_services
	case $action in
	upgrade)
		apt_update
		apt_get dist-upgrade
		;;
	install)
		apt_update
		apt_get install "$@"
		;;
	remove) apt_get remove --purge "$@" ;;
	esac
}

# Its status is 0 also where one of several packages is not known.
yum_install() {
	yum -y install "$@"
	missing=
	for name in "$@"; do
		case $name in
		@* | *'*'* | /*) continue ;;
		esac
		rpm -q "$name" >/dev/null 2>&1 || rpm -q --whatprovides "$name" >/dev/null 2>&1 || missing="$missing $name"
	done
	if [ -n "$missing" ]; then
		echo "not installed, since yum knows no such package:$missing" >&2
		return 1
	fi
}

with_yum() {
	case $action in
	upgrade)
		yum -y clean expire-cache || yum -y clean metadata
		yum -y update
		;;
	install)
		yum -y clean expire-cache || yum -y clean metadata
		yum_install "$@"
		;;
	remove) yum -y remove "$@" ;;
	esac
}

# 100 to 102 say that it worked, and what else there is to do; 103 that the rest is to be done by the new zypper.
zypp() {
	status=0
	zypper --non-interactive "$@" || status=$?
	if [ "$status" -eq 103 ]; then
		status=0
		zypper --non-interactive "$@" || status=$?
	fi
	case $status in
	100 | 101 | 102) status=0 ;;
	esac
	return "$status"
}

with_zypper() {
	case $action in
	upgrade)
		zypp refresh
		how=update
		if grep -q '^ID=.*tumbleweed' "$root/etc/os-release" 2>/dev/null; then
			how=dist-upgrade
		fi
		zypp "$how" --auto-agree-with-licenses
		;;
	install)
		zypp refresh
		zypp install --auto-agree-with-licenses "$@"
		;;
	remove) zypp remove "$@" ;;
	esac
}

with_emerge() {
	case $action in
	upgrade)
		emerge --sync
		emerge --update --deep --newuse world
		;;
	install)
		emerge --sync
		emerge --noreplace "$@"
		;;
	remove) emerge --unmerge "$@" ;;
	esac
}

# Runs one of the managers that know how to do it in one go: its name, then what stands before the packages.
plain() {
	with=$1
	shift
	case $with.$action in
	dnf.upgrade) dnf -y --refresh upgrade ;;
	dnf.install) dnf -y --refresh install "$@" ;;
	dnf.remove) dnf -y remove "$@" ;;
	apk.upgrade) apk --wait 600 update && apk --wait 600 upgrade ;;
	apk.install) apk --wait 600 update && apk --wait 600 add "$@" ;;
	apk.remove) apk --wait 600 del "$@" ;;
	pacman.upgrade) pacman -Syu --noconfirm ;;
	pacman.install) pacman -Sy --noconfirm --needed "$@" ;;
	pacman.remove) pacman -R --noconfirm "$@" ;;
	esac
}

is_installed() {
	case $with in
	apt) dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q -e ' installed$' -e ' config-files$' ;;
	dnf | yum | zypper) rpm -q "$1" >/dev/null 2>&1 ;;
	apk) apk info -e "$1" >/dev/null 2>&1 ;;
	pacman) pacman -Qq "$1" >/dev/null 2>&1 ;;
	emerge)
		for folder in "$root"/var/db/pkg/*/"${1##*/}"-[0-9]*; do
			[ -d "$folder" ] && return 0
		done
		return 1
		;;
	esac
}

main() {
	action=$1
	shift
	with=$(manager)
	trap tidy EXIT
	trap 'exit 143' HUP INT TERM
	if [ "$action" = remove ]; then
		# What is not there need not be known to the manager.
		count=$#
		while [ "$count" -gt 0 ]; do
			if is_installed "$1"; then
				set -- "$@" "$1"
			fi
			shift
			count=$((count - 1))
		done
		if [ $# -eq 0 ]; then
			echo "nothing to remove"
			return 0
		fi
	fi
	case $with in
	apt) with_apt "$@" ;;
	yum) with_yum "$@" ;;
	zypper) with_zypper "$@" ;;
	emerge) with_emerge "$@" ;;
	*) plain "$with" "$@" ;;
	esac
}

main "$@" </dev/null
