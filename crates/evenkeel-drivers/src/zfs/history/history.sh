# Prints what the history of the pool that its argument names tells of datasets and properties, the newest last: of
# `zpool history -il`, with times in UTC, the lines that begin a record, without those about snapshots, and of these no more
# than the last 256 KiB. It changes nothing.
export LC_ALL=C TZ=UTC0
event='\[txg:[0-9]+\] (set|inherit|create|clone|receive|rename|destroy)'
command='(zfs (set|inherit|create|clone|receive|recv|rename|destroy)|zpool set)'
zpool history -il "$1" |
    grep -E "^[0-9]{4}-[0-9]{2}-[0-9]{2}\.[0-9:]{8} ($event|$command) " |
    grep -vE '(destroy|rename) (-[A-Za-z]+ )*[^ ]*@' |
    tail -c 262144
