//! The fixed scripts that run on a dump host. What varies is passed as arguments, never written into the text.

/// Tells what the host can do: a line `has NAME` for each tool that is there, and for `stdout` where this vzdump can write an
/// archive there; `version` and a line; `end`, without which something was cut off.
pub const FACTS: &str = "for tool in vzdump vzlist pct qm; do \
    if command -v \"$tool\" >/dev/null 2>&1; then echo \"has $tool\"; fi; done; \
    if vzdump --help </dev/null 2>&1 | grep -q -e --stdout; then echo \"has stdout\"; fi; \
    version=$(pveversion 2>/dev/null) || version=$(vzctl --version 2>/dev/null) || version=unknown; \
    echo \"version $version\"; echo end";

/// Dumps a guest into a folder of its own: `DIR NAME ATTEMPT ID COMMAND…`, where the command writes into `DIR/new`.
///
/// Old versions of vzdump end with status 0 whatever happened, so that its words count. Afterwards the archive is
/// `DIR/NAME`, or the marker `DIR/failed.ATTEMPT` is there and nothing else but `DIR/out.log`.
pub const DUMP: &str = "dir=$1; name=$2; attempt=$3; id=$4; shift 4; \
    rm -rf -- \"$dir/new\" \"$dir/$name\"; mkdir -p -- \"$dir/new\" || exit 1; \
    \"$@\" >\"$dir/out.log\" 2>&1 </dev/null; status=$?; archive=; \
    if [ \"$status\" -eq 0 ] && grep -q \"Finished Backup of VM $id (\" \"$dir/out.log\" \
    && ! grep -q \"ERROR: \" \"$dir/out.log\"; then \
    for file in \"$dir\"/new/vzdump-*; do case $file in *.log|*.dat|*.tmp|*.notes|*.protected) ;; \
    *) if [ -f \"$file\" ]; then archive=$file; fi ;; esac; done; fi; \
    if [ -n \"$archive\" ] && mv -- \"$archive\" \"$dir/$name\"; then rm -rf -- \"$dir/new\"; exit 0; fi; \
    rm -rf -- \"$dir/new\"; : >\"$dir/failed.$attempt\"; tail -n 5 \"$dir/out.log\" >&2; exit 1";
