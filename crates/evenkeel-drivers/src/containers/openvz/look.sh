# Tells how OpenVZ is set up here. One line for each thing, its name last; `end` comes last of all, and without it something
# was cut off:
#   template FOLDER      where vzctl has templates; they are in `cache` in it
#   private FOLDER       where the files of container 0 would be
#   layout WORD          what new containers are kept in: `simfs`, `ploop`; empty where it is not said
#   quota                the kernel is OpenVZ's, and counts the disk space of containers
#   vswap                the kernel can limit memory and swap alone
#   set NAME             DISKSPACE, DISKINODES, and what of the sample's settings a container needs to start
#   container ID NAME    a container, and what it is called
#   area ID              a folder with the files of a container
#   dist INODE NAME LINK a distribution's file without `.conf`, and where it leads if it is a link, else `-`
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C

# Takes settings from a file as a shell does, and so vzctl's own scripts do.
settings() {
	(
		# shellcheck disable=SC2034 # The file itself uses it.
		VEID=0
		TEMPLATE=/vz/template VE_PRIVATE=/vz/private/0 VE_LAYOUT='' DISKSPACE='' DISKINODES='' CONFIGFILE=''
		set +u
		# shellcheck disable=SC1091 # It is on the host.
		. "$root/etc/vz/vz.conf" >/dev/null 2>&1
		printf 'template %s\nprivate %s\nlayout %s\n' "$TEMPLATE" "$VE_PRIVATE" "$VE_LAYOUT"
		[ -z "$DISKSPACE" ] || echo 'set DISKSPACE'
		[ -z "$DISKINODES" ] || echo 'set DISKINODES'
		sample "$CONFIGFILE"
	)
}

sample() {
	sample=$root/etc/vz/conf/ve-$1.conf-sample
	[ -n "$1" ] && [ -r "$sample" ] || return
	sed -n 's/^[[:blank:]]*\([A-Z]*\)=.*/set \1/p' "$sample" | sort -u
}

containers() {
	for conf in "$root"/etc/vz/conf/[0-9]*.conf; do
		[ -f "$conf" ] || continue
		id=${conf##*/}
		called=$(sed -n 's/^[[:blank:]]*HOSTNAME="\{0,1\}\([^" ]*\).*/\1/p' "$conf" | tail -n 1)
		printf 'container %s %s\n' "${id%.conf}" "$called"
	done
}

areas() {
	for area in "$root$1"/[0-9]*; do
		[ ! -e "$area" ] || printf 'area %s\n' "${area##*/}"
	done
}

dists() {
	cd -- "$root/etc/vz/dists" 2>/dev/null || return
	for file in *.conf; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		leads=-
		[ ! -L "$file" ] || leads=$(readlink "$file")
		printf 'dist %s %s %s\n' "$(stat -L -c %i -- "$file" 2>/dev/null || echo 0)" "${file%.conf}" "$leads"
	done
}

main() {
	if ! command -v vzctl >/dev/null 2>&1 || [ ! -r "$root/etc/vz/vz.conf" ]; then
		echo "there is no vzctl, or no /etc/vz/vz.conf that can be read: this is no OpenVZ host" >&2
		exit 127
	fi
	told=$(settings)
	printf '%s\n' "$told"
	[ ! -e "$root/proc/vz/vzquota" ] || echo quota
	[ ! -e "$root/proc/vz/vswap" ] || echo vswap
	containers
	private=$(printf '%s\n' "$told" | sed -n 's/^private //p')
	areas "${private%/*}"
	dists
	echo end
}

main "$@" </dev/null
