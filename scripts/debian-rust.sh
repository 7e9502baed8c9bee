#!/usr/bin/env bash
# Runs the library's unit tests with the oldest supported compiler, 1.85, on
# x86_64 and natively on 32-bit x86, from the packages of Debian 12. Nothing is
# installed: they are unpacked under target/. Needs apt-get, dpkg, gcc and cargo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=$PWD/target/debian-rust
mkdir -p "$home"/{debs,debs32,root,root32,lists/partial,cache/archives/partial}

apt="apt-get -q -o APT::Architecture=amd64 -o APT::Architectures::=amd64
  -o APT::Architectures::=i386 -o Dir::State::lists=$home/lists -o Dir::Cache=$home/cache"
if [ ! -x "$home/root/usr/bin/rustc" ]; then
    # One stale index of a mirror is no reason to stop: downloading decides.
    $apt update || true
    (cd "$home/debs" && $apt download rustc-web libstd-rust-web-1.85 libstd-rust-web-dev libllvm19)
    (cd "$home/debs32" && $apt download libstd-rust-web-dev:i386 libc6-dev:i386 libc6:i386 \
        libgcc-12-dev:i386 libgcc-s1:i386 linux-libc-dev:i386)
    for deb in "$home"/debs32/*.deb; do dpkg -x "$deb" "$home/root32"; done
    for deb in "$home"/debs/*.deb; do dpkg -x "$deb" "$home/root"; done
    cp -r "$home/root32/usr/lib/rustlib/i686-unknown-linux-gnu" "$home/root/usr/lib/rustlib/"
fi

export LD_LIBRARY_PATH=$home/root/usr/lib/x86_64-linux-gnu
export RUSTC=$home/root/usr/bin/rustc
export CARGO_TARGET_DIR=$home/target
"$RUSTC" --version
cargo test -p verimem --lib

sys=$home/root32
lib=$sys/usr/lib/i386-linux-gnu
gcc=$sys/usr/lib/gcc/i686-linux-gnu/12
flags="-C link-arg=-m32 -C link-arg=--sysroot=$sys"
for dir in "$lib" "$gcc"; do flags+=" -C link-arg=-B$dir -C link-arg=-L$dir"; done
flags+=" -C link-arg=-L$sys/lib/i386-linux-gnu"
flags+=" -C link-arg=-Wl,--dynamic-linker=$sys/lib/i386-linux-gnu/ld-linux.so.2"
flags+=" -C link-arg=-Wl,-rpath,$sys/lib/i386-linux-gnu"
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=gcc
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS=$flags
cargo test -p verimem --lib --target i686-unknown-linux-gnu
