# Prints what is set on an OpenVZ host: the files that the arguments name, each with its checksum and size before it, and what
# lies in the folder of the distributions' files. It changes nothing.
#
# vswap yes|no      whether this kernel limits memory and swap alone
# none FILE         it is not there
# file SUM SIZE FILE, and below it what is in it, and a line break
# dists SUM SIZE    and below it a line for each: its kind, its inode or what it leads to, and its name, with tabs between
# end
vz=/etc/vz
if ! [ -d "$vz" ]; then
    echo "there is no $vz: this is no OpenVZ host" >&2
    exit 127
fi
for folder in "$vz" "$vz/conf" "$vz/dists"; do
    if [ -d "$folder" ] && ! { [ -r "$folder" ] && [ -x "$folder" ]; }; then
        echo "$folder: Permission denied" >&2
        exit 1
    fi
done
# A kernel that is none of OpenVZ's knows no other limits.
if [ -e /proc/vz ] && ! [ -e /proc/vz/vswap ]; then
    echo "vswap no"
else
    echo "vswap yes"
fi
for file in "$@"; do
    if [ -f "$file" ]; then
        sum=$(cksum <"$file") || exit 1
        echo "file $sum $file"
        cat -- "$file" || exit 1
        echo
    elif [ -e "$file" ]; then
        echo "$file is no file" >&2
        exit 1
    else
        echo "none $file"
    fi
done
dists() {
    cd -- "$vz/dists" 2>/dev/null || return 0
    for name in *.conf; do
        case $name in
        *[[:cntrl:]]*) continue ;;
        esac
        if [ -h "$name" ]; then
            to=$(readlink -- "$name") || exit 1
            printf 'link\t%s\t%s\n' "$to" "$name"
        elif [ -f "$name" ]; then
            inode=$(stat -c %i -- "$name") || exit 1
            printf 'file\t%s\t%s\n' "$inode" "$name"
        elif [ -e "$name" ]; then
            printf 'other\t-\t%s\n' "$name"
        fi
    done
}
list=$(dists) || exit 1
sum=$(printf '%s\n' "$list" | cksum) || exit 1
printf 'dists %s\n%s\nend\n' "$sum" "$list"
