viaduct undo --list
viaduct undo --list --json
viaduct undo --dry-run
viaduct undo --dry-run --json
# Only what is named.
viaduct undo --list eth1
viaduct undo eth1
viaduct undo --list eth0/vf1
viaduct undo nosuch
# Half-way through a 'vf create' of the first Viaduct.
cd "$VIADUCT_ROOT" && mkdir -p run/viaduct/autoprobe && echo 1 >run/viaduct/autoprobe/0000:01:00.1 && echo 0 >sys/bus/pci/devices/0000:01:00.1/sriov_drivers_autoprobe
viaduct undo --dry-run eth1
viaduct undo eth1
cat "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:00.1/sriov_drivers_autoprobe"
# Of others: damaged, cut short, newer, of what is gone, half, and none at all.
cd "$VIADUCT_ROOT/run/viaduct" && mkdir -p pfs attrs && echo "vfs=2" >pfs/0000:01:00.0 && printf 'version=1\ndevice=7\ndriver=igb\n' >devices/0000:01:00.0 && printf 'version=2\nanything\n' >devices/0000:03:00.0 && printf 'version=1\ndevice=7\nattrs=31 00:00:00:00:00:00 0 0 0 0 1\nend=\n' >attrs/0000:07:10.0 && echo "version=1" >devices/.0000:02:00.0.new && echo >devices/core
viaduct undo --list
viaduct undo --dry-run 01:00.0
viaduct undo 07:10.0 02:00.0
viaduct undo --json 01:00.0 03:00.0
find "$VIADUCT_ROOT/run/viaduct" -type f ! -path '*/lock/*' | sed 's/.*run.viaduct.//' | sort
