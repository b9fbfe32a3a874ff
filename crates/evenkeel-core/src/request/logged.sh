# Runs a command whose outputs go to a log. Arguments: the log, then the command's words.
log=$1
shift
refuse() {
	echo "the log $log cannot be written, so nothing was run" >&2
	exit 73
}
folder=${log%/*}
# Only here: what the command makes has the modes that it wants.
(umask 077 && { [ -d "${folder:-/}" ] || mkdir -p "$folder"; } && : >>"$log") || refuse
printf '== %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(printf %s "$*" | tr '\n' ' ')" >>"$log" || refuse
begin=$(($(wc -c <"$log") + 1))
("$@") >>"$log" 2>&1
status=$?
[ "$status" -eq 0 ] || tail -c "+$begin" "$log" | tail -n 20 | tail -c 4000 >&2
exit "$status"
