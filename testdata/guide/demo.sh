#!/bin/sh
# Carries out the guide with the given calicoctl on the embedded datastore, in a folder
# that is thrown away, and shows every command and what it prints.
#
#   testdata/guide/demo.sh bin/calicoctl
set -eu

GUIDE=$(cd "$(dirname "$0")" && pwd)
PATH=$(cd "$(dirname "$1")" && pwd):$PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
DATASTORE_TYPE=local
CALICO_LOCAL_PATH=$folder/datastore.db
export GUIDE PATH DATASTORE_TYPE CALICO_LOCAL_PATH

sh -v "$GUIDE/guide.sh" 2>&1
