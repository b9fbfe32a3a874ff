//! What is run on a machine to use a folder there as a store: one POSIX shell script per operation, with paths as its
//! arguments. GNU, `BusyBox` and FreeBSD answer differently in places, which is taken into account here.
//!
//! Statuses: 0, or one of those below with the reason on standard error.

/// There is no such file or folder.
pub(super) const MISSING: i32 = 44;

/// The machine has no program for it.
pub(super) const UNABLE: i32 = 46;

/// Begins every script: its messages are in English, what it makes is for nobody else's eyes, and what is missing is
/// told from what cannot be seen.
const BEGIN: &str = r#"
LC_ALL=C; export LC_ALL; umask 077
no() { printf '%s\n' "$1" >&2; exit 45; }
look() {
    m=$(ls -d "$1" 2>&1 >/dev/null) && return 0
    printf '%s\n' "$m" >&2
    case $m in *': No such file or directory') exit 44 ;; esac
    exit 45
}
file() { look "$1"; [ -L "$1" ] && no "$1 is a link"; [ -f "$1" ] || no "$1 is not a file"; }
size() { stat -c %s "$1" 2>/dev/null || stat -f %z "$1" || exit 45; }
"#;

/// Folder, depth. Prints mode, size and name of each; a line that begins with `!` where something could not be seen.
const LIST: &str = r#"
look "$1"
[ -d "$1" ] || no "$1 is not a folder"
CDPATH= cd "$1" || exit 45
n=$(printf '\nx'); n=${n%x}
bad=$(find . -mindepth 1 -maxdepth "$2" -name "*$n*" -print) || exit 45
[ -z "$bad" ] || no "there is a name with a line break in $1"
O=-c F='%f %s %n'
stat -c %s . >/dev/null 2>&1 || { O=-f F='%Xp %z %N'; }
export O F
find . -mindepth 1 -maxdepth "$2" -exec sh -c 'stat $O "$F" "$@" || echo !' sh {} + || exit 45
"#;

/// File. Prints its size.
const SIZE: &str = r#"
file "$1"
size "$1"
"#;

/// File, offset + 1. Prints what is in it.
const GET: &str = r#"
file "$1"
if [ "$2" = 1 ]; then cat "$1"; else tail -c "+$2" "$1"; fi || exit 45
"#;

/// File, offset. Writes its input there, and prints the file's size. What is reported as written is on the disk: a
/// remote file system may say only then that it is full.
const PUT: &str = r#"
[ -L "$1" ] && no "$1 is a link"
if [ "$2" = 0 ]; then
    if [ -e "$1" ]; then file "$1"; fi
    # Another writer of the same name goes on with a file that is nowhere, and sees that when it looks at what it wrote.
    rm -f -- "$1" || exit 45
    set -C
    cat >"$1" || exit 45
else
    file "$1"
    s=$(size "$1") || exit 45
    [ "$s" = "$2" ] || no "$1 has $s bytes, not $2"
    cat >>"$1" || exit 45
fi
sync "$1" || exit 45
size "$1"
"#;

/// Folder.
const MAKE_FOLDER: &str = r#"
[ -d "$1" ] || mkdir "$1" || exit 45
"#;

/// From, to. `mv` would move into a folder that is there. The new name is on the disk afterwards, where the file system
/// can do that.
const RENAME: &str = r#"
look "$1"
[ -L "$2" ] && no "$2 is there, and is a link"
[ -d "$2" ] && no "$2 is there, and is a folder"
case $(mv --help 2>&1) in
    *-T*) mv -f -T "$1" "$2" ;;
    *) mv -f "$1" "$2" ;;
esac || exit 45
sync "$(dirname "$2")" 2>/dev/null || :
"#;

/// File.
const REMOVE: &str = r#"
file "$1"
rm -f "$1" || exit 45
"#;

/// Folder.
const REMOVE_FOLDER: &str = r#"
look "$1"
rmdir "$1" || exit 45
"#;

/// File. Prints its SHA-256, perhaps with something around it, then its size.
const CHECKSUM: &str = r#"
file "$1"
has() { command -v "$1" >/dev/null 2>&1; }
if has sha256sum; then sha256sum <"$1"
elif has sha256; then sha256 -q <"$1"
elif has shasum; then shasum -a 256 <"$1"
elif has openssl; then openssl dgst -sha256 <"$1"
else exit 46
fi || exit 45
size "$1"
"#;

/// Folder. Prints what `df` says of it, or of what is above it.
const SPACE: &str = r#"
d=$1
until m=$(ls -d "$d" 2>&1 >/dev/null); do
    case $m in *': No such file or directory') ;; *) no "$m" ;; esac
    [ "$d" != "$(dirname "$d")" ] || no "$m"
    d=$(dirname "$d")
done
df -P -k "$d" || exit 45
"#;

/// One of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    List,
    Size,
    Get,
    Put,
    MakeFolder,
    Rename,
    Remove,
    RemoveFolder,
    Checksum,
    Space,
}

impl Script {
    /// The command that runs it.
    pub(super) fn words(self, arguments: &[&str]) -> Vec<String> {
        let script = match self {
            Script::List => LIST,
            Script::Size => SIZE,
            Script::Get => GET,
            Script::Put => PUT,
            Script::MakeFolder => MAKE_FOLDER,
            Script::Rename => RENAME,
            Script::Remove => REMOVE,
            Script::RemoveFolder => REMOVE_FOLDER,
            Script::Checksum => CHECKSUM,
            Script::Space => SPACE,
        };
        let begin = ["/bin/sh", "-c", &format!("{BEGIN}{script}"), "sh"].map(str::to_owned);
        begin.into_iter().chain(arguments.iter().map(|&word| word.to_owned())).collect()
    }
}
