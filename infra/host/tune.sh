#!/bin/sh
# Tunes a host for trading, or says what is not tuned.
#
#   tune.sh [--check]   one line an item, OK or NOT SET; changes nothing, needs no root.
#                       Exit code 1 if anything is not set.
#   tune.sh --apply     sets what can be set while running; needs root, says what it changes.
#                       Boot parameters it only names: the boot loader is yours.
#
# TECTRA_CORES   the trading cores, default 2,3 (market data, strategy)
# TECTRA_ROOT    another root of the file system, for tests; --apply then needs no root
set -eu

ROOT=${TECTRA_ROOT:-}
CORES=${TECTRA_CORES:-2,3}
HERE=$(cd "$(dirname "$0")" && pwd)
CONF=$HERE/99-tectra.conf
CPU=$ROOT/sys/devices/system/cpu
MISSING=0

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0"
}

content() { # content FILE: its text, or nothing where it cannot be read
    cat "$1" 2>/dev/null || true
}

report() { # report NAME FOUND WANTED [ADVICE]
    if [ "$2" = "$3" ]; then
        printf 'OK       %s = %s\n' "$1" "$2"
    else
        MISSING=1
        printf 'NOT SET  %s = %s, wants %s%s\n' "$1" "${2:-nothing}" "$3" "${4:+: $4}"
    fi
}

boot_value() { # boot_value NAME: what the kernel was booted with
    tr ' ' '\n' <"$ROOT/proc/cmdline" 2>/dev/null | sed -n "s/^$1=//p" | tail -n 1
}

cores() { # the trading cores, a word each
    echo "$CORES" | tr ',' ' '
}

settings() { # the lines of the sysctl file, as NAME VALUE
    sed -n 's/^\([a-z][a-z0-9_.]*\) *= *\(.*\)$/\1 \2/p' "$CONF"
}

key_file() { # key_file NAME: where the kernel shows a sysctl
    echo "$ROOT/proc/sys/$(echo "$1" | tr . /)"
}

siblings() { # siblings CORE: the other hardware threads of its physical core, a word each
    content "$CPU/cpu$1/topology/thread_siblings_list" | tr ',-' '  ' | tr ' ' '\n' |
        grep -vx "$1" || true
}

check() {
    for name in isolcpus nohz_full rcu_nocbs; do
        report "$name" "$(boot_value "$name")" "$CORES" "add $name=$CORES to the boot parameters"
    done
    for core in $(cores); do
        report "governor of core $core" "$(content "$CPU/cpu$core/cpufreq/scaling_governor")" \
            performance "cpupower frequency-set -g performance"
        for other in $(siblings "$core"); do
            report "SMT sibling $other of core $core online" "$(content "$CPU/cpu$other/online")" \
                0 "echo 0 > /sys/devices/system/cpu/cpu$other/online"
        done
    done
    settings >"$LIST"
    while read -r name value; do
        report "$name" "$(content "$(key_file "$name")")" "$value" "install 99-tectra.conf"
    done <"$LIST"
    installed=no
    if cmp -s "$CONF" "$ROOT/etc/sysctl.d/99-tectra.conf"; then installed=yes; fi
    report "99-tectra.conf installed" "$installed" yes "copy it to /etc/sysctl.d"
    echo "See for yourself: htop shows idle trading cores (F2, detailed CPU time); ss -ti shows the"
    echo "options and timings of each connection; tectra doctor says the rest."
}

set_file() { # set_file FILE VALUE: write it, and say so
    if [ "$(content "$1")" = "$2" ]; then return; fi
    if echo "$2" 2>/dev/null >"$1"; then
        printf 'set      %s = %s\n' "$1" "$2"
    else
        printf 'failed   %s = %s\n' "$1" "$2"
        MISSING=1
    fi
}

apply() {
    if [ -z "$ROOT" ] && [ "$(id -u)" -ne 0 ]; then
        echo "tune.sh --apply changes this host and needs root; --check does not" >&2
        exit 2
    fi
    mkdir -p "$ROOT/etc/sysctl.d"
    if ! cmp -s "$CONF" "$ROOT/etc/sysctl.d/99-tectra.conf"; then
        cp "$CONF" "$ROOT/etc/sysctl.d/99-tectra.conf"
        printf 'copied   99-tectra.conf to %s/etc/sysctl.d\n' "$ROOT"
    fi
    settings >"$LIST"
    while read -r name value; do
        set_file "$(key_file "$name")" "$value"
    done <"$LIST"
    for core in $(cores); do
        if [ -e "$CPU/cpu$core/cpufreq/scaling_governor" ]; then
            set_file "$CPU/cpu$core/cpufreq/scaling_governor" performance
        fi
        for other in $(siblings "$core"); do
            case " $(cores) " in
            *" $other "*) printf 'left     core %s is a sibling and a trading core: choose others\n' "$other" ;;
            *) set_file "$CPU/cpu$other/online" 0 ;;
            esac
        done
    done
    echo "yours    boot with isolcpus=$CORES nohz_full=$CORES rcu_nocbs=$CORES (GRUB_CMDLINE_LINUX)"
}

LIST=$(mktemp)
trap 'rm -f "$LIST"' EXIT
case ${1:---check} in
--check) check ;;
--apply) apply ;;
-h | --help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
exit "$MISSING"
