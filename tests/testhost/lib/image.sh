# shellcheck shell=bash
# Sourced by zfshost: `build`. A version's image is one folder: vmlinuz, initrd, root.img,
# hostkey.pub, and the files `recipe` (what it was made from) and `id` (which build it is).

# What the image was made from: a change here makes the next `build` start over.
recipe() {
    cat "$here"/guest/* "$here/lib/image.sh" "$key.pub" | sha256sum | cut -d' ' -f1
}

is_built() {
    [ -e "$image/recipe" ] && [ "$(cat "$image/recipe")" = "$(recipe)" ]
}

build() {
    [ -e "$key" ] || ssh-keygen -q -t ed25519 -N '' -C evenkeel-testhost -f "$key"
    if is_built; then return; fi
    [ "$(id -u)" = 0 ] || die "build needs root: it makes a file system tree with all its owners"
    log=$home/build-$zfs.log
    work=$home/work-$zfs
    modules=$home/modules/$zfs
    cached=$cache/zfs-modules-$zfs.tar.zst
    [ -e "$modules/vmlinuz" ] || [ -e "$cached" ] || say "no $cached: compiling the modules takes some minutes"
    rm -rf "$work"
    mkdir -p "$work" "$home/modules" "$home/image"
    trap 'tail -n 30 "$log" >&2; rm -rf "$work"' EXIT
    : >"$log"
    local step
    for step in get_modules make_root make_initrd make_image; do
        say "zfs $zfs: $step (log: $log)"
        # A plain call: as a condition, a failing command inside would not end it.
        "$step" >>"$log" 2>&1
    done
    rm -rf "$image"
    mv "$work/image" "$image"
    rm -rf "$work"
    trap - EXIT
}

# Debian's archive as this machine reaches it: whatever mirror or proxy it was given, the test host's
# packages come the same way. zfs is in contrib, and 2.3 in backports; the machine need not have either.
archive_sources() {
    local targets main security
    # shellcheck disable=SC2016
    targets=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages')
    main=$(awk '$1 == "bookworm" { print $2; exit }' <<<"$targets")
    security=$(awk '$1 == "bookworm-security" { print $2; exit }' <<<"$targets")
    [ -n "$main" ] || die "this machine's apt sources do not name Debian 12 (bookworm)"
    echo "deb $main bookworm main contrib"
    echo "deb $main bookworm-updates main contrib"
    echo "deb $main bookworm-backports main contrib"
    [ -z "$security" ] || echo "deb $security bookworm-security main contrib"
}

# debian_root TARGET OPTION...: a Debian 12 tree with the wanted zfs preferred.
debian_root() {
    local target=$1 sources
    shift
    sources=$(archive_sources)
    printf 'Package: src:zfs-linux\nPin: version %s.*\nPin-Priority: 990\n' "$zfs" >"$work/preferences"
    # shellcheck disable=SC2016 # $1 is for the hook's own shell
    mmdebstrap --quiet --setup-hook='mkdir -p "$1/etc/apt/preferences.d"' \
        --setup-hook="upload '$work/preferences' /etc/apt/preferences.d/zfs" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' "$@" bookworm "$target" - <<<"$sources"
}

# Compiling takes four minutes on two fast cores; a cache of its result beside the repository saves it.
get_modules() {
    [ ! -e "$modules/vmlinuz" ] || return 0
    local made=$work/modules
    mkdir "$made"
    if [ -e "$cached" ]; then
        tar --zstd -C "$made" -xf "$cached"
    else
        # shellcheck disable=SC2016 # $1 is for the hook's own shell
        debian_root /dev/null --variant=apt --format=null \
            --include=build-essential,linux-headers-cloud-amd64,kmod,file,python3 \
            --customize-hook="upload '$here/guest/compile-modules' /compile-modules" \
            --customize-hook='chroot "$1" bash /compile-modules' \
            --customize-hook="sync-out /out '$made'"
    fi
    rm -rf "$modules"
    mv "$made" "$modules"
}

make_root() {
    local root=$work/root packages version
    packages=busybox-static,mount,iproute2,kmod,udev,procps,perl-base
    packages+=,openssh-server,openssh-client,sudo,zfsutils-linux
    debian_root "$root" --variant=essential --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*'
    # shellcheck disable=SC2016 # dpkg-query expands it
    version=$(chroot "$root" dpkg-query --show --showformat '${Version}' zfsutils-linux)
    case $version in "$zfs".*) ;; *) die "Debian's zfsutils-linux is now $version, not $zfs" ;; esac
    mkdir -p "$root/usr/lib/testhost"
    cp "$here"/guest/* "$root/usr/lib/testhost/"
    cp "$key.pub" "$root/usr/lib/testhost/authorized_keys"
    cp -a "$modules/lib/modules" "$root/usr/lib/"
    chroot "$root" /usr/lib/testhost/setup
}

# The modules that reach the root image, in loading order, and busybox to load them.
make_initrd() {
    local root=$work/root initrd=$work/initrd kernel path
    mkdir -p "$work/image" "$initrd"/{bin,dev,proc,sys,modules,image,changes,root}
    kernel=$(ls "$root/usr/lib/modules")
    cp "$root/bin/busybox" "$initrd/bin/"
    cp "$here/guest/initrd-init" "$initrd/init"
    chroot "$root" modprobe --set-version "$kernel" --all --show-depends virtio_pci virtio_blk overlay |
        awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/module-paths"
    while read -r path; do
        cp "$root$path" "$initrd/modules/"
        basename "$path" >>"$initrd/modules/order"
    done <"$work/module-paths"
    (cd "$initrd" && find . | cpio --quiet --create --format=newc) | gzip -6 >"$work/image/initrd"
}

make_image() {
    local root=$work/root kilobytes
    cp "$modules/vmlinuz" "$work/image/"
    cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$work/image/hostkey.pub"
    kilobytes=$(du -sk "$root" | cut -f1)
    # A tenth over for the file system's own tables. No journal: nothing ever writes to it.
    mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -d "$root" "$work/image/root.img" \
        "$((kilobytes * 110 / 100 + 32768))k"
    cat /proc/sys/kernel/random/uuid >"$work/image/id"
    recipe >"$work/image/recipe"
}
