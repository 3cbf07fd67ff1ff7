#!/bin/sh
# Writes source.txt, destination.txt, dev.txt, build.txt and simulator.txt from the .in files: names, versions, hashes, markers, no addresses.
# Called by `make lock`. Versions already pinned stay unless the .in files exclude them;
# with `--upgrade` everything moves to its newest admitted release.
# What the images hold is resolved first and on its own; it binds the development file, so that what is tested
# is what the images hold.
#
#   lock.sh UV [--upgrade]
set -eu
cd "$(dirname "$0")"
uv=$1
shift
# What PyAirbyte does not admit in the release that the images need (image-floors.txt): Snowflake's driver, which it
# asks for, holds cffi below 2, and so cryptography below 46.0.5.
differs='cryptography\|cffi'

constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT

compile() {
    name=$1
    shift
    # Extras are kept: without them pip takes a requirement such as "x[extra]>=1" for one that is not pinned.
    "$uv" pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-strip-extras \
        --no-header --no-annotate --no-emit-index-url "$@" "$name.in" --output-file "$name.txt"
    echo "requirements/$name.txt: $(grep -c '==' "$name.txt") pins"
}

without=$(sed -n 's/^\([a-z0-9-]*\)$/--no-emit-package \1/p' left-out.txt)
# shellcheck disable=SC2086 # a list of options
compile source "$@" $without --constraint image-floors.txt
sed 's/^\([A-Za-z0-9._-]*\)\[[^]]*\]/\1/' source.txt >"$constraints" # a constraint may not have extras
# shellcheck disable=SC2086 # a list of options
compile destination "$@" $without --constraint image-floors.txt --constraint "$constraints"
sed 's/^\([A-Za-z0-9._-]*\)\[[^]]*\]/\1/; /^\('"$differs"'\)==/d; /^    --hash/d; s/ \\$//' source.txt destination.txt \
    | sort -u >"$constraints"
compile dev "$@" --constraint "$constraints"
sed 's/^\([A-Za-z0-9._-]*\)\[[^]]*\]/\1/' dev.txt >"$constraints"
compile build "$@" --constraint "$constraints"
compile simulator "$@" --constraint "$constraints"
