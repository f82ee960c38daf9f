#!/bin/sh
# Makes configure and the Makefile.in from a fresh checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force "$@"
