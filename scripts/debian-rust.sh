#!/usr/bin/env bash
# The library with the oldest supported compiler, 1.85, and on other platforms,
# from the packages of Debian 12. Nothing is installed: they are unpacked under
# target/. Needs apt-get, dpkg, gcc and cargo.
#
#   scripts/debian-rust.sh [MODE...]
#
#   check    compiles the library, all features (what CI does)
#   x86_64   runs its unit tests
#   i686     the same, natively on 32-bit x86
#   s390x    the same, on a big-endian 64-bit machine under qemu: half an hour
#   others   type-checks it for Windows and macOS, standard library included
#
# Without a mode: check, x86_64, i686.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=$PWD/target/debian-rust
root=$home/root
mkdir -p "$home"/{debs,root,lists/partial,cache/archives/partial}

options=(-o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=i386
    -o APT::Architectures::=s390x -o Dir::State::lists="$home/lists" -o Dir::Cache="$home/cache")

# unpack FOLDER PACKAGE...: into that folder, once.
unpack() {
    local into=$1 mark=$1/.complete
    shift
    [ ! -e "$mark" ] || return 0
    # One stale index of a mirror is no reason to stop: downloading decides.
    [ -e "$home/updated" ] || apt-get -q "${options[@]}" update || true
    touch "$home/updated"
    mkdir -p "$into" "$into.debs"
    (cd "$into.debs" && apt-get -q "${options[@]}" download "$@")
    for deb in "$into.debs"/*.deb; do dpkg -x "$deb" "$into"; done
    touch "$mark"
}

# Newer compilers are in the same archive: all parts have to be of one version.
version() {
    local found
    found=$(apt-cache "${options[@]}" madison "$1" | awk '$3 ~ /^1[.]85[.]/ { print $3; exit }')
    if [ -z "$found" ]; then
        echo "error: this system's archive has no $1 1.85: Debian 12 has" >&2
        exit 1
    fi
    echo "$found"
}

if [ ! -e "$root/.complete" ]; then
    apt-get -q "${options[@]}" update || true
    touch "$home/updated"
    number=$(version rustc-web)
    unpack "$root" rustc-web="$number" libstd-rust-web-1.85="$number" \
        libstd-rust-web-dev="$number" libllvm19
fi
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
export RUSTC=$root/usr/bin/rustc
export CARGO_TARGET_DIR=$home/target
"$RUSTC" --version

# foreign NAME ARCHITECTURE TRIPLE: the standard library and C library of another machine.
foreign() {
    local name=$1 architecture=$2 triple=$3 number
    if [ ! -e "$home/$name/.complete" ]; then
        number=$(version libstd-rust-web-dev)
        unpack "$home/$name" libstd-rust-web-dev:"$architecture=$number" \
            {libc6-dev,libc6,libgcc-12-dev,libgcc-s1,linux-libc-dev}:"$architecture"
    fi
    rm -rf "$root/usr/lib/rustlib/$triple"
    cp -r "$home/$name/usr/lib/rustlib/$triple" "$root/usr/lib/rustlib/"
}

# Where a linker finds the files of another machine.
directories() {
    local folder
    for folder in "$@"; do printf ' -C link-arg=-B%s -C link-arg=-L%s' "$folder" "$folder"; done
}

check() {
    cargo check -p verimem --all-features
}

x86_64() {
    cargo test -p verimem --lib --all-features
}

i686() {
    foreign i686 i386 i686-unknown-linux-gnu
    local sys=$home/i686
    local lib=$sys/usr/lib/i386-linux-gnu loader=$sys/lib/i386-linux-gnu
    local flags="-C link-arg=-m32 -C link-arg=--sysroot=$sys"
    flags+=$(directories "$lib" "$sys/usr/lib/gcc/i686-linux-gnu/12" "$loader")
    flags+=" -C link-arg=-Wl,--dynamic-linker=$loader/ld-linux.so.2"
    flags+=" -C link-arg=-Wl,-rpath,$lib -C link-arg=-Wl,-rpath,$loader"
    CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=gcc \
        CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS=$flags \
        cargo test -p verimem --lib --all-features --target i686-unknown-linux-gnu
}

s390x() {
    foreign s390x s390x s390x-unknown-linux-gnu
    local tools=$home/s390x-tools sys=$home/s390x triple=s390x-linux-gnu
    unpack "$tools" qemu-user-static gcc-12-s390x-linux-gnu binutils-s390x-linux-gnu
    # qemu keeps a record of each reserved page: the block table stands in.
    local flags="--cfg verimem_block_table -C link-arg=--sysroot=$sys"
    flags+=$(directories "$sys/usr/lib/$triple" "$sys/usr/lib/gcc/$triple/12" "$sys/lib/$triple")
    flags+=" -C link-arg=-B$tools/usr/bin/$triple- -C link-arg=-B$tools/usr/lib/gcc-cross/$triple/12"
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$tools/usr/lib/x86_64-linux-gnu \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=$tools/usr/bin/$triple-gcc-12 \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUSTFLAGS=$flags \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="$tools/usr/bin/qemu-s390x-static -L $sys" \
        cargo test -p verimem --lib --all-features --target s390x-unknown-linux-gnu -- \
        --skip tests::memory::x2_ # they start themselves again, which takes an emulator
}

others() {
    local sources=$home/sources target
    [ -e "$sources/.complete" ] || unpack "$sources" rust-web-src="$(version rust-web-src)"
    mkdir -p "$root/usr/lib/rustlib/src"
    rm -rf "$root/usr/lib/rustlib/src/rust"
    ln -s "$sources"/usr/src/rustc-1.85.* "$root/usr/lib/rustlib/src/rust"
    for target in x86_64-pc-windows-msvc aarch64-apple-darwin; do
        RUSTC_BOOTSTRAP=1 cargo check -Z build-std -p verimem --all-features --target "$target"
    done
}

[ $# -gt 0 ] || set -- check x86_64 i686
for mode in "$@"; do
    case $mode in
    check | x86_64 | i686 | s390x | others) "$mode" ;;
    *)
        echo "error: there is no mode $mode: check, x86_64, i686, s390x, others" >&2
        exit 2
        ;;
    esac
done
