# Sets the system's time zone: `ZONE`.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 022

main() {
	zone=$1
	data=/usr/share/zoneinfo/$zone
	if [ ! -f "$root$data" ]; then
		echo "the time zone $zone is not known here: there is no $data; install the package tzdata, or look at its spelling" >&2
		return 1
	fi
	mkdir -p -- "$root/etc"
	rm -f -- "$root/etc/localtime"
	ln -s -- "$data" "$root/etc/localtime"
	if [ -f "$root/etc/timezone" ] || [ -f "$root/etc/debian_version" ] || [ -f "$root/etc/gentoo-release" ]; then
		printf '%s\n' "$zone" >"$root/etc/timezone"
	fi
	# What makes /etc/localtime anew after an update reads it here: ZONE of Red Hat's, TIMEZONE of SUSE's.
	clock=$root/etc/sysconfig/clock
	if [ -f "$clock" ]; then
		key=ZONE
		if grep -q '^TIMEZONE=' "$clock"; then
			key=TIMEZONE
		fi
		cp -p -- "$clock" "$clock.evenkeel-new"
		{
			grep -v "^$key=" "$clock" || :
			printf '%s="%s"\n' "$key" "$zone"
		} >"$clock.evenkeel-new"
		mv -f -- "$clock.evenkeel-new" "$clock"
	fi
}

main "$@" </dev/null
