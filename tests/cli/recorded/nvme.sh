viaduct list
viaduct list --all --json | ./check-json list
viaduct host --json | ./check-json host
viaduct show nvme0 --json | ./check-json show
viaduct show nvme0
viaduct show nvme0 --json
viaduct check nvme0 --backend group
# Not told by the kernel, and what makes no sense.
cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:81:00.0/" && rm current_link_speed reset_method && touch reset && printf 'x 1 2\n0x10 0x0 0x200\n' >resource && echo 8bananas >max_link_width && echo all >numa_node
viaduct show nvme0
cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:81:00.0/" && head -c 4096 /dev/zero | tr '\0' '\377' >config && echo 'flr; reboot' >reset_method
viaduct show nvme0 | sed -n '/^INTERRUPTS/,$p'
viaduct check nvme0 | grep -A 1 gone
rm "$VIADUCT_ROOT/sys/bus/pci/devices/0000:81:00.0/config"
viaduct show nvme0 | sed -n '/^INTERRUPTS/,$p'
echo junk >"$VIADUCT_ROOT/sys/kernel/iommu_groups/61/reserved_regions"
viaduct show nvme0 | grep GROUP
viaduct check nvme0
echo many >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:81:00.0/sriov_totalvfs"
viaduct show nvme0
viaduct host | grep -v -e iommufd -e 'device files'
rm -r "$VIADUCT_ROOT/proc" "$VIADUCT_ROOT/sys"
viaduct host --json | sed '/backend-iommufd/,/fix/d; /device-files/,/fix/d'
