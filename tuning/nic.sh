# shellcheck shell=sh disable=SC2154 # apply sets the variables
# The network card: as many queues as there are cores, queue i on core i in both directions. Part of tuning/apply, which has
# set_value, show and remember, and $root, $mode, $nic, $work. Written for an Intel X520 (ixgbe); each step that a card does not
# have is left out.
#
# Shards are pinned to cores in order, and each has its own listener, so packets, interrupts and shards meet on all cores alike.

# ethtool_set LETTER-OF-READ LETTER-OF-SET NAME-IN-OUTPUT ARGUMENT NEW: old -> new of one number, bounded by the card's maximum.
ethtool_set() {
    ethtool "-$1" "$nic" >"$work" 2>/dev/null || return 0
    # Two sections: what the card can do, what is set. Coalescing has only the second.
    most=$(awk -v name="$3:" '/Current/ { exit } index($0, name) == 1 { print $NF; exit }' "$work")
    old=$(awk -v name="$3:" 'index($0, name) == 1 { value = $NF } END { print value }' "$work")
    new=$5
    case $old in '' | *[!0-9]*) return 0 ;; esac
    case $most in '' | *[!0-9]*) ;; *) [ "$1" = c ] || [ "$new" -le "$most" ] || new=$most ;; esac
    [ "$old" != "$new" ] || return 0
    show ethtool "-$2 $nic $4" "$old" "$new"
    if [ "$mode" = apply ]; then
        remember ethtool "-$2 $nic $4" "-$2 $nic $4 $old"
        ethtool "-$2" "$nic" "$4" "$new" || echo "apply: ethtool -$2 $nic $4 $new failed" >&2
    fi
}

# mask CORE: the hexadecimal mask of one core, in groups of 32 bits as sysfs wants them.
mask() {
    text=$(printf '%x' $((1 << ($1 % 32))))
    groups=$(($1 / 32))
    while [ "$groups" -gt 0 ]; do text=$text,00000000; groups=$((groups - 1)); done
    echo "$text"
}

# mask_all CORES: the mask of all of them.
mask_all() {
    left=$1
    text=
    while [ "$left" -gt 0 ]; do
        here_bits=$((left % 32))
        [ "$here_bits" -ne 0 ] || here_bits=32
        text=$text${text:+,}$(printf '%08x' $(((1 << here_bits) - 1)))
        left=$((left - here_bits))
    done
    echo "$text"
}

part_nic() {
    [ -n "$nic" ] || return 0
    class=/sys/class/net/$nic
    if [ ! -e "$root$class" ]; then
        echo "apply: no interface $nic" >&2
        return 1
    fi
    cores=$(grep -c '^processor' "$root/proc/cpuinfo")
    if command -v ethtool >/dev/null; then
        # A queue for each core: with fewer, the other cores' shards wait for them.
        ethtool_set l L Combined combined "$cores"
        # Room for a burst while a core is in the middle of a turn of the loop.
        ethtool_set g G RX rx 4096
        ethtool_set g G TX tx 4096
        # An interrupt at most each 50 µs a queue: a turn takes what came meanwhile.
        ethtool_set c C rx-usecs rx-usecs 50
    else
        echo "apply: no ethtool: queues, rings and coalescing are left as they are (apt install ethtool)" >&2
    fi
    if pidof irqbalance >/dev/null 2>&1; then
        echo "apply: irqbalance runs and moves interrupts again: systemctl disable --now irqbalance" >&2
    fi
    spread_queues
}

# Interrupt, transmit queue and, where queues are too few, software spreading (RPS).
spread_queues() {
    index=0
    for interrupt in $(names "$class/device/msi_irqs" | sort -n); do
        # The card's own interrupt (link changes) is among them; where it lands does not matter.
        set_value irq "/proc/irq/$interrupt/smp_affinity_list" $((index % cores))
        index=$((index + 1))
    done
    queues=$(names "$class/queues" | grep -c '^rx-')
    for queue in $(names "$class/queues"); do
        number=${queue#?x-}
        case $queue in
            tx-*) set_value xps "$class/queues/$queue/xps_cpus" "$(mask $((number % cores)))" ;;
            rx-*) [ "$queues" -ge "$cores" ] || set_value rps "$class/queues/$queue/rps_cpus" "$(mask_all "$cores")" ;;
        esac
    done
}

names() {
    ls "$root$1" 2>/dev/null || true
}
