# Takes away what belongs to the scratch container and not into a template: caches, identities, traces.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C

# Removes all that is in folders; the folders stay.
empty() {
	for folder in "$@"; do
		[ -d "$root$folder" ] || continue
		for entry in "$root$folder"/* "$root$folder"/.[!.]* "$root$folder"/..?*; do
			[ -e "$entry" ] || [ -L "$entry" ] || continue
			# What is mounted there cannot be removed, and does not get into the template either.
			rm -rf -- "$entry" || echo "${entry#"$root"} is left" >&2
		done
	done
}

# Rotated logs go, the others are emptied: some programs write only to a log that is there.
empty_logs() {
	for entry in "$1"/* "$1"/.[!.]*; do
		[ ! -L "$entry" ] || continue
		if [ -d "$entry" ]; then
			empty_logs "$entry"
		elif [ -f "$entry" ]; then
			case $entry in
			*.gz | *.xz | *.bz2 | *.zst | *.[0-9] | *.[0-9][0-9] | *.old | *-20[0-9][0-9][0-9][0-9][0-9][0-9])
				rm -f -- "$entry"
				;;
			*) : >"$entry" ;;
			esac
		fi
	done
}

caches() {
	rm -f -- "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
	empty /var/cache/apt/archives/partial /var/lib/apt/lists
	empty /var/cache/yum /var/cache/dnf /var/cache/libdnf5 /var/cache/zypp /var/cache/apk /var/cache/pacman/pkg
	empty /var/cache/distfiles /usr/portage/distfiles
}

# True where the system makes the keys of its SSH server when it starts.
makes_host_keys() {
	for file in "$root"/etc/init.d/*ssh* "$root"/etc/rc.d/init.d/*ssh* "$root"/etc/rc.d/sshd \
		"$root"/usr/lib/systemd/system/*ssh* "$root"/lib/systemd/system/*ssh* "$root"/etc/systemd/system/*ssh*; do
		[ -f "$file" ] || continue
		if grep -q -e 'ssh-keygen' -e 'sshd-keygen' -e 'sshd-gen-keys' "$file"; then
			return 0
		fi
	done
	[ -x "$root/usr/bin/cloud-init" ]
}

# Every container made from the template needs identities of its own.
identities() {
	if [ -f "$root/etc/machine-id" ] && [ ! -L "$root/etc/machine-id" ]; then
		: >"$root/etc/machine-id"
	fi
	if [ ! -L "$root/var/lib/dbus/machine-id" ]; then
		rm -f -- "$root/var/lib/dbus/machine-id"
	fi
	rm -f -- "$root/var/lib/systemd/random-seed" "$root/var/lib/urandom/random-seed" "$root/var/lib/random-seed"
	for key in "$root"/etc/ssh/ssh_host_*_key; do
		[ -f "$key" ] || continue
		if makes_host_keys; then
			rm -f -- "$key" "$key.pub"
		else
			echo "${key#"$root"} is kept, for nothing here makes it again: all containers of this template will have it"
		fi
	done
}

# Every container gets a name of its own when it is made.
names() {
	for file in "$root/etc/hostname" "$root/etc/HOSTNAME"; do
		if [ -f "$file" ] && grep -q '^evenkeel-build-' "$file"; then
			echo localhost >"$file"
		fi
	done
	rewrite "$root/etc/sysconfig/network" -e 's/^HOSTNAME=.*evenkeel-build-.*/HOSTNAME=localhost/'
	rewrite "$root/etc/hosts" -e 's/[[:blank:]]evenkeel-build-[^[:blank:]]*//g' \
		-e '/^[0-9A-Fa-f:.]*[[:blank:]]*$/{/./d;}'
}

# Changes a file that tells of the scratch container, by sed.
rewrite() {
	file=$1
	shift
	if [ -f "$file" ] && grep -q 'evenkeel-build-' "$file"; then
		sed "$@" "$file" >"$file.evenkeel-new"
		cat "$file.evenkeel-new" >"$file"
		rm -f -- "$file.evenkeel-new"
	fi
}

traces() {
	for home in "$root/root" "$root"/home/*; do
		for name in .bash_history .ash_history .sh_history .zsh_history .python_history .lesshst .viminfo .wget-hsts; do
			rm -f -- "$home/$name"
		done
	done
	rm -f -- "$root"/var/lib/dhcp/*.lease* "$root"/var/lib/dhcp3/*.lease* "$root"/var/lib/dhclient/*.lease* \
		"$root"/var/lib/dhcpcd/*.lease "$root"/var/lib/NetworkManager/*.lease
	# Else systemd writes a new journal when the container stops; its older releases do not know how to let go.
	if [ -d "$root/run/systemd/system" ] && command -v journalctl >/dev/null 2>&1; then
		journalctl --relinquish-var >/dev/null 2>&1 || :
	fi
	empty /var/log/journal
	if [ -d "$root/var/log" ]; then
		empty_logs "$root/var/log"
	fi
	empty /tmp /var/tmp
}

main() {
	caches
	identities
	names
	traces
	# A link leads to what the system itself writes.
	if [ -f "$root/etc/resolv.conf" ] && [ ! -L "$root/etc/resolv.conf" ]; then
		: >"$root/etc/resolv.conf"
	fi
}

main "$@" </dev/null
