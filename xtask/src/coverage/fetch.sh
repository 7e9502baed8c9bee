# Unpacks Debian's package $2 (`llvm-22`) with all that it needs, its own C library
# included, in the folder $1. Nothing is installed. The packages come from the release
# that this machine uses; where that has none of the name, from unstable.
set -eu
folder=$1
package=$2
cd "$folder"
mkdir -p lists/partial cache/archives/partial unstable-lists/partial root.part bin.part
# As if nothing were installed, so that the list of what is needed is whole.
: >status
apt() {
    apt-get -q -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" \
        -o "Dir::State::status=$folder/status" -o Debug::NoLocking=1 "$@"
}
# The later setting of a name holds.
unstable() {
    apt -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- \
        -o "Dir::State::lists=$folder/unstable-lists" "$@"
}
download="install -y --no-install-recommends --download-only"
# One stale index of a mirror is no reason to stop: downloading decides.
apt update || true
if ! apt $download "$package"; then
    mirror=$(apt indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || { echo "no mirror of Debian is configured" >&2; exit 1; }
    signed=
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -e "$keyring" ]; then signed="[signed-by=$keyring] "; fi
    echo "deb $signed$mirror unstable main" >sources.list
    rm -f cache/*.bin
    unstable update
    unstable $download "$package"
fi
for deb in cache/archives/*.deb; do dpkg -x "$deb" root.part; done
rm -r lists unstable-lists cache

# Its C library is newer than the machine's, so its own loader starts the programs.
cd root.part
loader=$(find . -name 'ld-linux*.so.*' | head -n 1)
libraries=$(find . -name 'libc.so.6' -o -name 'libLLVM*.so*' -o -name 'libstdc++.so.6' |
    sed -e 's|^\.|'"$folder"'/root|' -e 's|/[^/]*$||' | sort -u | tr '\n' ':')
for tool in llvm-cov llvm-profdata; do
    {
        echo '#!/bin/sh'
        echo "exec '$folder/root/$loader' --library-path '$libraries' \\"
        echo "    '$folder/root/usr/lib/$package/bin/$tool' \"\$@\""
    } >"../bin.part/$tool"
    chmod +x "../bin.part/$tool"
done
cd ..
mv root.part root
mv bin.part bin
