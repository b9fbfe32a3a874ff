# Changes lines of a file that a shell can read: FILE, then three arguments for each line: its number, what it says, and what
# it shall say. Number 0 adds a line at the end; the second is then the key that it sets, which no line may set yet.
#
# Where a line is not what it was, nothing is changed. Every other byte stays as it is. The new file takes the place of the
# old one once it is whole.
set -eu
named=$1
shift
stale() {
    echo "$named was changed meanwhile ($1): nothing was written, plan again" >&2
    exit 1
}
if ! [ -f "$named" ]; then
    stale "it is not there any more"
fi
file=$(readlink -f -- "$named")
new=$file.evenkeel-new
break='
'
number=0
met=0
# Gives the line that is to stand for one: its number, itself, then what is to be changed.
settle() {
    text=$2
    at=$1
    line=$2
    shift 2
    while [ "$#" -ge 3 ]; do
        if [ "$1" -eq 0 ]; then
            case ${line#"${line%%[! 	]*}"} in
            "$2="*) stale "line $at sets $2" ;;
            esac
        elif [ "$1" -eq "$at" ]; then
            if [ "$line" != "$2" ]; then
                stale "line $at"
            fi
            text=$3
            met=$((met + 1))
        fi
        shift 3
    done
}
content=
# What an added line needs before it: the last line may lack its end.
missing=
end=$break
while [ -n "$end" ]; do
    line=
    IFS= read -r line || end=
    if [ -n "$end" ] || [ -n "$line" ]; then
        number=$((number + 1))
        settle "$number" "$line" "$@"
        content=$content$text$end
    fi
    if [ -z "$end" ] && [ -n "$line" ]; then
        missing=$break
    fi
done <"$file"
asked=0
while [ "$#" -ge 3 ]; do
    if [ "$1" -eq 0 ]; then
        content=$content$missing$3$break
        missing=
    else
        asked=$((asked + 1))
    fi
    shift 3
done
if [ "$met" -ne "$asked" ]; then
    stale "it has $number lines"
fi
trap 'rm -f -- "$new"' EXIT
# Some file systems (that of Proxmox VE's configuration) give every file its mode and owner themselves.
cp -p -- "$file" "$new" 2>/dev/null || cp -- "$file" "$new"
printf %s "$content" >"$new"
sum=$(printf %s "$content" | cksum)
if [ "$(cksum <"$new")" != "$sum" ]; then
    echo "$new could not be written as a whole" >&2
    exit 1
fi
sync -- "$new" 2>/dev/null || sync
mv -f -- "$new" "$file"
