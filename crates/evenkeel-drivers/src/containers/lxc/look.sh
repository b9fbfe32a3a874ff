# Tells what a node of Proxmox VE has for templates. One line for each thing, its name last; `end` comes last of all, and
# without it something was cut off:
#   storage NAME CONTENT      a storage that is not switched off, and what it may have; `-` where that is not said
#   folder NAME PATH          where a storage has its templates
#   guest ID KIND NODE        a guest of the cluster: `lxc`, `qemu-server`
set -u
root=${EVENKEEL_ROOT-}
export LC_ALL=C

# `local` is there also where no file tells of it.
storages() {
	cat -- "$root/etc/pve/storage.cfg" 2>/dev/null | awk '
		function tell() { if (name != "" && !off) print "storage", name, content; seen[name] = 1 }
		/^[a-z]+:/ { tell(); name = $2; content = "-"; off = 0 }
		/^[ \t]+content[ \t]/ { content = $2 }
		/^[ \t]+disable([ \t]+1)?[ \t]*$/ { off = 1 }
		END { tell(); if (!("local" in seen)) print "storage local -" }'
}

# A template need not be there for its path to be told.
folders() {
	while read -r _ name content; do
		case ,$content, in
		*,vztmpl,* | ,-,) ;;
		*) continue ;;
		esac
		path=$(pvesm path "$name:vztmpl/evenkeel.tar.gz" 2>/dev/null </dev/null) || continue
		[ -z "$path" ] || printf 'folder %s %s\n' "$name" "${path%/*}"
	done
}

guests() {
	for conf in "$root"/etc/pve/nodes/*/lxc/*.conf "$root"/etc/pve/nodes/*/qemu-server/*.conf; do
		[ -e "$conf" ] || continue
		id=${conf##*/} above=${conf%/*} node=${conf%/*/*}
		printf 'guest %s %s %s\n' "${id%.conf}" "${above##*/}" "${node##*/}"
	done
}

main() {
	if ! command -v pct >/dev/null 2>&1 || [ ! -d "$root/etc/pve/nodes" ]; then
		echo "there is no pct, or no /etc/pve that can be read: this is no node of Proxmox VE 4 or later" >&2
		exit 127
	fi
	told=$(storages)
	printf '%s\n' "$told"
	printf '%s\n' "$told" | folders
	guests
	echo end
}

main "$@" </dev/null
