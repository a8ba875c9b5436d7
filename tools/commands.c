/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <stdint.h>

static const struct via_option host_options[] = {
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option list_options[] = {
	{ "all", NULL, "also bridges and other functions nobody gives to a guest" },
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option show_options[] = {
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option check_options[] = {
	{ "memory", "SIZE", "of the guest, with a unit K, M, G or T (512M)" },
	{ "backend", "WHICH", "of the IOMMU: auto, group or iommufd (auto)", "auto|group|iommufd" },
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option bind_options[] = {
	{ "driver", "NAME", "bind to this driver instead of vfio-pci" },
	{ "force", NULL, "take the devices even while the host uses them" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option export_options[] = {
	{ "format", "FORMAT", "qemu, libvirt, cdi or dpdk", "qemu|libvirt|cdi|dpdk" },
	{ "backend", "WHICH", "of the IOMMU, for qemu and cdi: group or iommufd (group)",
	  "group|iommufd" },
	{ "managed", NULL, "of libvirt: let it bind the devices and give them back" },
	{ 0 },
};

static const struct via_option change_options[] = {
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option undo_options[] = {
	{ "list", NULL, "print what there is to undo, and what there was" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_create_options[] = {
	{ "driver", "NAME", "bind each VF to this driver, such as vfio-pci, when it is there" },
	{ "queues", "N", "of an NVMe PF: queues for each VF, the admin queue included" },
	{ "vectors", "N", "of an NVMe PF: interrupt vectors for each VF" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_set_options[] = {
	{ "mac", "ADDRESS", "its MAC address, as 02:00:00:00:00:01" },
	{ "vlan", "ID", "the VLAN its frames are put in, 1 to 4094; 0 for none" },
	{ "qos", "PRIORITY", "the priority of these frames, 0 to 7" },
	{ "trust", "on|off", "whether it may be promiscuous, change its MAC address, ..." },
	{ "spoofchk", "on|off", "whether frames from another MAC address are dropped" },
	{ "queues", "N", "of an NVMe VF: its queues, the admin queue included" },
	{ "vectors", "N", "of an NVMe VF: its interrupt vectors" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option plan_options[] = {
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_list_options[] = {
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_destroy_options[] = {
	{ "force", NULL, "also VFs the host uses; never those a process holds open" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_lease_options[] = {
	{ "node", "N", "near this NUMA node, where there is a choice" },
	{ "wait", "SECONDS", "for one to become free when all are taken, or 'forever'" },
	{ "hold", NULL, "print which, and hold it until standard input ends, or SIGTERM" },
	{ "owner", "PID", "until this process ends" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_release_options[] = {
	{ "all-dead", NULL, "those whose processes have ended" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option vf_pool_create_options[] = {
	{ "mac", "ADDRESS", "of the first VF, and counted up from VF to VF" },
	{ "vlan", "ID", "the VLAN their frames are put in, 1 to 4094; 0 for none" },
	{ "qos", "PRIORITY", "the priority of these frames, 0 to 7" },
	{ "trust", "on|off", "whether they may be promiscuous, change their MAC address, ..." },
	{ "spoofchk", "on|off", "whether frames from another MAC address are dropped" },
	{ "driver", "NAME", "they have while they are leased (vfio-pci)" },
	VIA_OPTION_DRY_RUN,
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option run_options[] = {
	{ "kernel", "FILE", "a Linux bzImage, or an ELF file with a PVH entry" },
	{ "initrd", "FILE", "the initial RAM disk" },
	{ "append", "TEXT", "the kernel's command line" },
	{ "cpus", "N", "virtual processors, 1 to 64 (1)" },
	{ "memory", "SIZE", "RAM, with a unit K, M, G or T (512M)" },
	{ "populate", NULL, "allocate it all at the start, as with --device" },
	{ "device", "DEVICE",
	  "a function bound to vfio-pci, or its open file, fd=N; may end with ,rom=off or "
	  ",rom=FILE; repeatable" },
	{ "net", "WHAT",
	  "a virtio network card: user, tap=NAME or tap=NAME,vhost; may end with ,mac=ADDRESS and "
	  ",queues=N; repeatable",
	  "user|tap=" },
	{ "disk", "FILE",
	  "a virtio disk in a file or block device; may end with ,ro ,direct and ,queues=N; "
	  "repeatable" },
	{ "backend", "WHICH", "of the IOMMU: auto, group or iommufd (auto)", "auto|group|iommufd" },
	{ "iommufd", "fd=N", "an open /dev/iommu to use" },
	{ "require-reset", NULL, "refuse a device that cannot be reset" },
	{ "rng", NULL, "a virtio source of random numbers" },
	{ "on-error", "WHAT",
	  "when a device reports an error: stop, report or reset the guest (stop)",
	  "stop|report|reset" },
	{ "unplug-timeout", "SECONDS",
	  "how long the guest may take to let go of a device the host wants back (10)" },
	{ "console", "WHERE", "the serial port: stdio, none or file=PATH (stdio)",
	  "stdio|none|file=" },
	{ "on-reset", "WHAT", "when the guest resets: reboot or stop (reboot)", "reboot|stop" },
	{ "user", "NAME", "become this user when everything is open" },
	{ "stats", "FILE", "write statistics when the guest ends, and on SIGUSR1" },
	{ 0 },
};

static const struct via_option bench_options[] = {
	{ "subjects", "LIST", "of passthrough, virtio, vhost, user, host; for map group, iommufd",
	  "passthrough|virtio|vhost|user|host|group|iommufd" },
	{ "device", "DEVICE", "the function to use, or the PF of one (the first nobody uses)" },
	{ "vmm", "LIST", "viaduct, qemu or both (viaduct)", "viaduct|qemu|both" },
	{ "kernel", "FILE", "the guest's kernel ($VIADUCT_GUEST_KERNEL)" },
	{ "initrd", "FILE", "its initial RAM disk, for drivers ($VIADUCT_GUEST_INITRD)" },
	{ "memory", "SIZE", "its RAM, with a unit K, M, G or T (512M)" },
	{ "cpus", "N", "its processors (1)" },
	{ "pin", "CPU[,CPU...]", "processors of the host for them, one each" },
	{ "peer", "ADDRESS", "of net: who answers, on another host (a program on this one)" },
	{ "address", "ADDRESS", "with --peer: of the function, in the peer's network, a /24" },
	{ "write", "DISK", "of disk: write, too; what is on this disk is lost" },
	{ "tools", "LIST", "measure by these, too, of ping, iperf3 (net), fio (disk); all (none)",
	  "ping|iperf3|fio|all" },
	{ "runs", "N", "of each subject, in turn (3)" },
	{ "seconds", "SECONDS", "for each part of net and disk (2)" },
	{ "json", "FILE", "write the result as JSON; -: to standard output" },
	{ "html", "FILE", "write the result as one page with charts" },
	{ 0 },
};

static const struct via_option bench_compare_options[] = {
	{ "threshold", "PERCENT", "how much worse is too much (5%)" },
	VIA_OPTION_JSON,
	{ 0 },
};

static const struct via_option bench_report_options[] = {
	{ "html", "FILE", "write a page with charts, which needs no other file" },
	{ "text", NULL, "print tables too, as without --html" },
	VIA_OPTION_JSON,
	{ 0 },
};

const struct via_command via_commands[] = {
	{
		.name = "host",
		.summary = "Shows what this machine can do for a guest, and what would help.",
		.text = "A line each: the processor and KVM, the IOMMU, VFIO, memory, and the "
			"parameters\n"
			"that matter. Anybody may ask; root sees more.",
		.options = host_options,
		.run = cmd_host,
	},
	{
		.name = "list",
		.summary = "Shows the PCI functions worth giving to a guest.",
		.text = "VFs stand below their PF. USED BY says through what the host uses a "
			"device, which\n"
			"'viaduct bind' refuses to take then.",
		.options = list_options,
		.run = cmd_list,
	},
	{
		.name = "show",
		.summary = "Shows what there is to know of a device before it is given away.",
		.operands = "DEVICE",
		.min_operands = 1,
		.max_operands = 1,
		.text = "Its IOMMU group and why others are in it, BARs and what of them can be "
			"mapped,\n"
			"interrupts, resets, SR-IOV, and who uses it. Anybody may ask; what is "
			"behind the\n"
			"first 64 bytes of configuration space only root can read.",
		.options = show_options,
		.run = cmd_show,
	},
	{
		.name = "check",
		.summary = "Tells whether a guest could have devices, and what to do if not.",
		.operands = "DEVICE...",
		.min_operands = 1,
		.max_operands = SIZE_MAX,
		.text = "All that 'viaduct run' with these devices would fail with, in its order "
			"and "
			"words, and\n"
			"what helps; then what works worse than it could. Nothing is changed. The "
			"status is 1\n"
			"when run would fail.",
		.options = check_options,
		.run = cmd_check,
	},
	{
		.name = "bind",
		.summary = "Gives devices to vfio-pci, so that a guest can have them.",
		.operands = "DEVICE...",
		.min_operands = 1,
		.max_operands = SIZE_MAX,
		.text = "All devices are checked before the first is changed, and when one fails, "
			"those\n"
			"done are given back. A device the host uses is refused. What each had is\n"
			"remembered for 'viaduct unbind'.",
		.options = bind_options,
		.run = cmd_bind,
	},
	{
		.name = "unbind",
		.summary = "Gives devices back to the drivers they had before 'viaduct bind'.",
		.operands = "DEVICE...",
		.min_operands = 1,
		.max_operands = SIZE_MAX,
		.options = change_options,
		.run = cmd_unbind,
	},
	{
		.name = "export",
		.summary = "Prints what other programs want to be told to use devices.",
		.operands = "DEVICE...",
		.min_operands = 1,
		.max_operands = SIZE_MAX,
		.text = "Arguments of QEMU, libvirt's <hostdev>, a specification of the Container "
			"Device\n"
			"Interface (CDI), or DPDK's list of devices. What is missing for the "
			"devices to be used\n"
			"so, such as 'viaduct bind', is a warning.",
		.options = export_options,
		.run = cmd_export,
	},
	{
		.name = "undo",
		.summary = "Makes the host as it was before Viaduct changed it.",
		.operands = "[DEVICE...]",
		.max_operands = SIZE_MAX,
		.text = "Drivers, the number of VFs, what they are held to and have, and loaded "
			"modules. A PF\n"
			"stands for its VFs, too. What is in use stays, with a sentence and status "
			"1, and the\n"
			"rest is undone.",
		.options = undo_options,
		.run = cmd_undo,
	},
	{
		.name = "run",
		.summary = "Runs a guest with PCI functions of the host.",
		.text = "Each DEVICE must be bound to vfio-pci ('viaduct bind'). It is reset "
			"before and\n"
			"after, its registers are mapped into the guest, its interrupts go "
			"to the\n"
			"guest through the kernel, and it reaches the guest's memory through the "
			"IOMMU.\n"
			"The guest ends when it powers off or resets, on SIGTERM or SIGINT, or by "
			"Ctrl-A\n"
			"X on a terminal.",
		.options = run_options,
		.run = cmd_run,
	},
	{
		.name = "bench",
		.summary = "Measures passthrough against virtio, vhost and the bare host.",
		.operands = "KIND",
		.operand_words = "net|disk|irq|map|boot|bar",
		.min_operands = 1,
		.max_operands = 1,
		.text = "KIND is net, disk, irq, map, boot or bar. The same guest does the same "
			"work with each\n"
			"subject, in turn; what each operation cost the host is counted. What is "
			"taken of\n"
			"the host for it, devices, VFs, addresses, is given back at the end, also "
			"after\n"
			"Ctrl-C. A subject that cannot be measured is listed with the reason.",
		.options = bench_options,
		.run = cmd_bench,
	},
	{
		.name = "bench compare",
		.summary = "Tells whether a second result is worse than a first.",
		.operands = "A B",
		.min_operands = 2,
		.max_operands = 2,
		.text = "The status is 1 when a figure got worse by more than the threshold and "
			"the 95%\n"
			"interval of the ratio leaves 1 out; with fewer than six runs, when the\n"
			"ranges of the runs do not meet. Under emulation only counts decide.",
		.options = bench_compare_options,
		.run = cmd_bench_compare,
	},
	{
		.name = "bench report",
		.summary = "Shows a result that was kept as JSON.",
		.operands = "FILE",
		.min_operands = 1,
		.max_operands = 1,
		.text = "What follows from its samples, such as intervals, is made anew.",
		.options = bench_report_options,
		.run = cmd_bench_report,
	},
	{
		.name = "plan",
		.summary = "Shows what a file of wanted devices would change.",
		.operands = "FILE",
		.min_operands = 1,
		.max_operands = 1,
		.text = "FILE is YAML, viaduct.yaml(5); - is standard input. Nothing is changed: "
			"each step\n"
			"that 'viaduct apply' would do is shown, with what is there and what would "
			"be.",
		.options = plan_options,
		.run = cmd_plan,
	},
	{
		.name = "apply",
		.summary = "Makes VFs and drivers what a file says.",
		.operands = "FILE",
		.min_operands = 1,
		.max_operands = 1,
		.text = "FILE is YAML, viaduct.yaml(5); - is standard input. Only what differs is "
			"changed,\n"
			"after all of it was checked. When a step fails, those done are taken "
			"back.",
		.options = change_options,
		.run = cmd_apply,
	},
	{
		.name = "vf",
		.summary = "Makes and manages the virtual functions (VFs) of a physical function "
			   "(PF).",
	},
	{
		.name = "vf create",
		.summary = "Makes VFs that no host driver has touched.",
		.operands = "PF COUNT",
		.min_operands = 2,
		.max_operands = 2,
		.text = "They have no driver but for --driver: 'viaduct vf set' them, then "
			"'viaduct bind' them. "
			"Those of an\n"
			"NVMe PF are online, with equal shares of its queues and vectors, or as "
			"many as asked.",
		.options = vf_create_options,
		.run = cmd_vf_create,
	},
	{
		.name = "vf set",
		.summary = "Sets what a PF holds a VF to, or gives it.",
		.operands = "PF/vfN",
		.min_operands = 1,
		.max_operands = 1,
		.text = "A MAC address is set before the guest starts: its driver reads it once. "
			"An NVMe VF\n"
			"whose queues or vectors change is offline meanwhile.",
		.options = vf_set_options,
		.run = cmd_vf_set,
	},
	{
		.name = "vf list",
		.summary = "Shows VFs, what they are held to and what they have.",
		.operands = "[PF]",
		.max_operands = 1,
		.options = vf_list_options,
		.run = cmd_vf_list,
	},
	{
		.name = "vf destroy",
		.summary = "Takes all VFs of a PF away.",
		.operands = "PF",
		.min_operands = 1,
		.max_operands = 1,
		.options = vf_destroy_options,
		.run = cmd_vf_destroy,
	},
	{
		.name = "vf lease",
		.summary = "Gives a free VF of a pool to a command for as long as it runs.",
		.operands = "POOL [-- COMMAND...]",
		.min_operands = 1,
		.max_operands = SIZE_MAX,
		.text = "COMMAND finds it in $VIADUCT_DEVICE, and in place of a word {}. Before "
			"and "
			"after, the\n"
			"VF is reset and has the pool's attributes. One that fails that is put "
			"aside, and\n"
			"another one is tried. The status is COMMAND's, or 128 and the signal that "
			"ended it.",
		.options = vf_lease_options,
		.run = cmd_vf_lease,
	},
	{
		.name = "vf leases",
		.summary = "Shows which VFs are on lease, to whom, and which were put aside.",
		.text = "What killed processes left is scrubbed and set free first.",
		.options = vf_list_options,
		.run = cmd_vf_leases,
	},
	{
		.name = "vf release",
		.summary = "Ends the lease of a VF, and takes back one that was put aside.",
		.operands = "[DEVICE]",
		.max_operands = 1,
		.text = "The process that keeps it is told to end it by SIGTERM.",
		.options = vf_release_options,
		.run = cmd_vf_release,
	},
	{
		.name = "vf pool",
		.summary = "Makes and manages pools of VFs.",
	},
	{
		.name = "vf pool create",
		.summary = "Makes a pool of VFs for 'viaduct vf lease'.",
		.operands = "NAME PF[/vfA-B]...",
		.min_operands = 2,
		.max_operands = SIZE_MAX,
		.text = "Each VF is held to what the options say before a lease. What they do not "
			"say is after\n"
			"a lease as it was before. The VFs need not exist yet.",
		.options = vf_pool_create_options,
		.run = cmd_vf_pool_create,
	},
	{
		.name = "vf pool list",
		.summary = "Shows the pools there are.",
		.options = vf_list_options,
		.run = cmd_vf_pool_list,
	},
	{
		.name = "vf pool remove",
		.summary = "Removes a pool; its VFs stay as they are.",
		.operands = "NAME",
		.min_operands = 1,
		.max_operands = 1,
		.options = change_options,
		.run = cmd_vf_pool_remove,
	},
	{ 0 },
};
