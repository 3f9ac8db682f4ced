#!/bin/sh
# Debian's rsyslog with the omhttp of its source, of which Debian builds no package: `omhttp.sh FOLDER`. Nothing is installed.
set -eu
root=$1
test ! -e "$root/usr/lib/rsyslog/omhttp.so" || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial archives unpacked

needed=$(apt-get install --simulate --no-install-recommends rsyslog libestr-dev libfastjson-dev libcurl4-openssl-dev \
  | awk '/^Inst/ { print $2 }')
(cd archives && apt-get download --quiet=2 $needed)
for archive in archives/*.deb; do dpkg -x "$archive" unpacked; done

# The source of the same version, from where the packages come from.
cat /etc/apt/sources.list.d/*.sources | sed 's/^Types: deb$/Types: deb-src/' > source.sources
here="-o Dir::Etc::sourcelist=$work/source.sources -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists"
version=$(basename archives/rsyslog_*.deb | cut -d_ -f2)
apt-get $here --quiet=2 update
apt-get $here --quiet=2 source --download-only "rsyslog=$version"
tar xzf rsyslog_*.orig.tar.gz
cd rsyslog-*/

libraries=$(echo "$work"/unpacked/usr/lib/*-linux-gnu)
export PKG_CONFIG_PATH="$libraries/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/unpacked"
export CPPFLAGS="-I$work/unpacked/usr/include -I$work/unpacked/usr/include/$(basename "$libraries")" LDFLAGS="-L$libraries"
./configure --enable-omhttp --disable-fmhttp --disable-libgcrypt --disable-generate-man-pages > configure.log
make -C contrib/omhttp > make.log
mkdir -p "$work/unpacked/usr/lib/rsyslog"
cp contrib/omhttp/.libs/omhttp.so "$work/unpacked/usr/lib/rsyslog"
mkdir -p "$(dirname "$root")"
rm -rf "$root"
mv "$work/unpacked" "$root"
