#!/bin/sh
# Writes source.txt, destination.txt, build.txt, dbt.txt and dev.txt from the .in files: names, versions, hashes, markers, no addresses.
# Called by `make lock`. Versions already pinned stay unless the .in files exclude them;
# with `--upgrade` everything moves to its newest admitted release.
# dev.txt is resolved first and binds the others, so that what is tested is what the images hold;
# dbt.txt stands by itself.
#
#   lock.sh UV [--upgrade]
set -eu
cd "$(dirname "$0")"
uv=$1
shift

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

compile dev "$@"
# A constraint may not have extras.
sed 's/^\([A-Za-z0-9._-]*\)\[[^]]*\]/\1/' dev.txt >"$constraints"
compile build "$@" --constraint "$constraints"
compile source "$@" --constraint "$constraints"
compile destination "$@" --constraint "$constraints"
compile dbt "$@"
