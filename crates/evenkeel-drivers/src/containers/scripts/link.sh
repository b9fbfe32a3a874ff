# Makes a symbolic link: `PATH TARGET`. A file or a link that is there is replaced, a folder is not.
set -eu
root=${EVENKEEL_ROOT-}
[ -n "$root" ] || PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 022

main() {
	link=$root$1
	if [ -d "$link" ] && [ ! -L "$link" ]; then
		echo "$1 is a folder, which no link takes the place of: move it away with a script in \`run\`" >&2
		return 1
	fi
	mkdir -p -- "${link%/*}/"
	rm -f -- "$link"
	ln -s -- "$2" "$link"
}

main "$@" </dev/null
