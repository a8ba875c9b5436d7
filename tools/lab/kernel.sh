# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
kernel_stage() { fail "not built yet"; }
