/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leases, by processes that are killed in the middle of them. Their sysfs is a record: a reset is a
 * line in a file, and real ones are in tests/lab/lease.sh. /proc is this machine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/lease.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>
#include <viaduct/vfio/bind.h>

#include "tree.h"

#define PF	"sys/bus/pci/devices/0000:01:00.0/"
#define VF(n)	"sys/bus/pci/devices/0000:01:10." #n "/"
#define LEASES	"run/viaduct/leases/"
#define DRIVERS "sys/bus/pci/drivers/"
#define VFS	3U

/* FFFFh:FFFFh, memory and bus mastering on, a network function with capabilities at 40h: MSI-X. */
static const char config[256] = {
	[0] = '\xff',
	[1] = '\xff',
	[2] = '\xff',
	[3] = '\xff',
	[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
	[PCI_STATUS] = PCI_STATUS_CAP_LIST,
	[PCI_CLASS_DEVICE + 1] = 2,
	[PCI_CAPABILITY_LIST] = 0x40,
	[0x40] = PCI_CAP_ID_MSIX,
};

static const struct via_bdf pf_bdf = { .bus = 1 };

static struct via_bdf vf_bdf(unsigned int n)
{
	return (struct via_bdf){ .bus = 1, .device = 0x10, .function = (uint8_t)(2 * n) };
}

static struct via_pool_member all_vfs = { { .bus = 1 }, 0, VIA_POOL_LAST };

static struct via_pool pool = {
	.name = "web",
	.driver = "vfio-pci",
	.members = &all_vfs,
	.member_count = 1,
};

static const struct via_lease_options any = { .node = -1 };

static void add_vf(unsigned int n)
{
	const struct {
		const char *name, *content, *link;
		size_t bytes;
	} files[] = {
		{ "class", "0x020000\n", NULL, 0 },
		{ "vendor", "0x8086\n", NULL, 0 },
		{ "device", "0x10ca\n", NULL, 0 },
		{ "config", config, NULL, sizeof(config) },
		{ "reset", "", NULL, 0 },
		{ "driver_override", "(null)\n", NULL, 0 },
		{ "numa_node", n == 1 ? "1\n" : "0\n", NULL, 0 },
		{ "physfn", NULL, "../0000:01:00.0", 0 },
		{ "driver", NULL, "../../../../bus/pci/drivers/vfio-pci", 0 },
	};
	char path[128], target[32];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s",
			 via_bdf_text(vf_bdf(n)).text, files[i].name);
		tree_add(&tree_fresh, (struct tree_entry){ path, files[i].content, files[i].link,
							   files[i].bytes });
	}
	snprintf(path, sizeof(path), PF "virtfn%u", n);
	snprintf(target, sizeof(target), "../%s", via_bdf_text(vf_bdf(n)).text);
	tree_add(&tree_fresh, (struct tree_entry){ .path = path, .link = target });
}

static int begin(void **state)
{
	static const struct tree_entry entries[] = {
		{ .path = "proc", .link = "/proc" },
		{ .path = PF "driver", .link = "../../../../bus/pci/drivers/igb" },
		{ PF "sriov_totalvfs", "7\n" },
		{ PF "sriov_numvfs", "3\n" },
		{ PF "sriov_vf_device", "10ca\n" },
		{ DRIVERS "igb/" },
		{ DRIVERS "igbvf/" },
		{ DRIVERS "vfio-pci/" },
		{ "sys/class/net/" },
		{ "sys/devices/system/node/node0/distance", "10 21\n" },
		{ "sys/devices/system/node/node1/distance", "21 10\n" },
	};

	tree_fresh_begin(state);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		tree_add(&tree_fresh, entries[i]);
	for (unsigned int n = 0; n < VFS; n++)
		add_vf(n);
	return 0;
}

static void assert_says(const struct via_error *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static struct via_lease *take(void)
{
	struct via_lease *lease = NULL;
	struct via_error err = { "" };

	if (via_lease_take(tree_fresh.host, &pool, &any, &lease, &err))
		fail_msg("no lease: %s", err.text);
	return lease;
}

static void end(struct via_lease *lease)
{
	struct via_error err = { "" };

	if (via_lease_end(lease, &err))
		fail_msg("not ended: %s", err.text);
}

static void none_is_free(const char *says)
{
	struct via_lease *lease;
	struct via_error err = { "" };

	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &any, &lease, &err), -EBUSY);
	assert_says(&err, says);
}

static bool is_on_record(unsigned int n)
{
	return via_host_exists(tree_fresh.host, LEASES "%s", via_bdf_text(vf_bdf(n)).text);
}

static unsigned int command_of(unsigned int n)
{
	struct via_pci_registers registers;

	assert_int_equal(via_pci_registers_read(tree_fresh.host, vf_bdf(n), &registers), 0);
	return via_pci_registers_get(&registers, PCI_COMMAND, 2);
}

static void resets(unsigned int n, const char *content)
{
	char text[8];

	assert_int_equal(via_host_read(tree_fresh.host, text, sizeof(text),
				       "sys/bus/pci/devices/%s/reset",
				       via_bdf_text(vf_bdf(n)).text),
			 0);
	assert_string_equal(text, content);
}

/* Only the first, so that it is known which. */
static void only_one_vf(void)
{
	all_vfs.last = 0;
}

static int end_all(void **state)
{
	all_vfs.last = VIA_POOL_LAST;
	return tree_fresh_end(state);
}

/* A process that does @work with the end of a pipe, and then nothing more until it is told to. */
struct child {
	pid_t pid;
	int from;
};

static struct child start(void (*work)(int to))
{
	struct child child;
	int ends[2];
	char ready;

	assert_int_equal(pipe(ends), 0);
	child.pid = fork();
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		work(ends[1]);
		for (;;)
			pause();
	}
	close(ends[1]);
	child.from = ends[0];
	assert_true(child.pid > 0);
	assert_int_equal(read(child.from, &ready, 1), 1);
	return child;
}

static void finish(struct child *child, int signal)
{
	kill(child->pid, signal);
	waitpid(child->pid, NULL, 0);
	close(child->from);
}

static void say(int to)
{
	if (write(to, "", 1) != 1)
		_exit(1);
}

static struct via_lease *take_or_exit(void)
{
	struct via_lease *lease;
	struct via_error err;

	if (via_lease_take(tree_fresh.host, &pool, &any, &lease, &err)) {
		fprintf(stderr, "child: %s\n", err.text);
		_exit(1);
	}
	return lease;
}

static void take_and_stay(int to)
{
	take_or_exit();
	say(to);
}

static void a_vf_is_clean_before_and_after(void **state)
{
	struct via_lease *lease = take();
	const struct via_lease_choice *choice = via_lease_choice(lease);

	(void)state;
	assert_true(via_bdf_equal(choice->bdf, vf_bdf(0)));
	assert_true(via_bdf_equal(choice->pf, pf_bdf));
	assert_int_equal(choice->index, 0);
	assert_int_equal(command_of(0), PCI_COMMAND_MEMORY);
	resets(0, "1");
	assert_true(is_on_record(0));
	assert_false(is_on_record(1));
	/* What the tenant does. */
	tree_add(&tree_fresh, (struct tree_entry){ VF(0) "config", config, .bytes = 256 });
	tree_put(VF(0) "reset", "");
	end(lease);
	assert_int_equal(command_of(0), PCI_COMMAND_MEMORY);
	resets(0, "1");
	assert_false(is_on_record(0));
}

static void when_all_are_taken_the_holders_are_named(void **state)
{
	struct via_lease *leases[VFS];
	char says[64];

	(void)state;
	for (unsigned int n = 0; n < VFS; n++) {
		leases[n] = take();
		assert_true(via_bdf_equal(via_lease_choice(leases[n])->bdf, vf_bdf(n)));
	}
	snprintf(says, sizeof(says), "0000:01:10.4 process %d (", (int)getpid());
	none_is_free(says);
	end(leases[1]);
	leases[1] = take();
	assert_true(via_bdf_equal(via_lease_choice(leases[1])->bdf, vf_bdf(1)));
	for (unsigned int n = 0; n < VFS; n++)
		end(leases[n]);
}

static void after_kill_9_the_next_one_gets_it_clean(void **state)
{
	struct child child;

	(void)state;
	only_one_vf();
	child = start(take_and_stay);
	none_is_free("0000:01:10.0 process");
	finish(&child, SIGKILL);
	assert_true(is_on_record(0));
	tree_put(VF(0) "reset", "");
	end(take());
	resets(0, "1");
	assert_false(is_on_record(0));
}

/* A command that has the lock from its parent. */
static void leave_the_lock(int to)
{
	take_or_exit();
	if (!fork()) {
		say(to);
		for (;;)
			pause();
	}
}

static pid_t only_child_of(pid_t pid)
{
	char text[32];

	assert_int_equal(via_host_read(tree_fresh.host, text, sizeof(text),
				       "proc/%d/task/%d/children", (int)pid, (int)pid),
			 0);
	return (pid_t)strtol(text, NULL, 10);
}

/* Not a child of this process. */
static void kill_and_see_it_gone(pid_t pid)
{
	struct via_process_id id;

	assert_int_equal(via_process_id_get(tree_fresh.host, pid, &id), 0);
	kill(pid, SIGKILL);
	while (via_process_is_alive(tree_fresh.host, id))
		usleep(1000);
}

static void a_command_keeps_the_lease_of_a_killed_keeper(void **state)
{
	struct child child;
	pid_t command;

	(void)state;
	only_one_vf();
	child = start(leave_the_lock);
	command = only_child_of(child.pid);
	assert_true(command > 0);
	finish(&child, SIGKILL);
	none_is_free("0000:01:10.0 process");
	assert_int_equal(via_lease_recover(tree_fresh.host, NULL, NULL), 0);
	assert_true(is_on_record(0));
	kill_and_see_it_gone(command);
	assert_int_equal(via_lease_recover(tree_fresh.host, NULL, NULL), 0);
	assert_false(is_on_record(0));
	end(take());
}

/* A command that closes what it does not know, and is on record. */
static void leave_the_record(int to)
{
	struct via_lease *lease = take_or_exit();
	pid_t pid = fork();

	if (!pid) {
		close(via_lease_fd(lease));
		for (;;)
			pause();
	}
	if (via_lease_set_holder(lease, pid, NULL))
		_exit(1);
	say(to);
}

static void a_command_on_record_keeps_it_without_the_lock(void **state)
{
	struct child child;
	char says[64];
	pid_t command;

	(void)state;
	only_one_vf();
	child = start(leave_the_record);
	command = only_child_of(child.pid);
	finish(&child, SIGKILL);
	snprintf(says, sizeof(says), "0000:01:10.0 process %d", (int)command);
	none_is_free(says);
	kill_and_see_it_gone(command);
	end(take());
}

static pid_t owner;

static void take_for_owner(int to)
{
	struct via_lease_options options = { .node = -1, .owner = owner };
	struct via_lease *lease;

	if (via_lease_take(tree_fresh.host, &pool, &options, &lease, NULL))
		_exit(1);
	say(to);
}

static void an_owner_keeps_the_lease_of_a_killed_keeper(void **state)
{
	struct via_lease_options nobody = { .node = -1, .owner = INT32_MAX };
	struct child holder, child;
	struct via_lease *lease;
	struct via_error err;

	(void)state;
	only_one_vf();
	holder = start(say);
	owner = holder.pid;
	child = start(take_for_owner);
	finish(&child, SIGKILL);
	none_is_free("0000:01:10.0 process");
	finish(&holder, SIGTERM);
	end(take());
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &nobody, &lease, &err), -ESRCH);
}

static void put_record(unsigned int n, const char *state, struct via_process_id keeper)
{
	char path[64], text[256], directory[128];
	struct stat status;

	snprintf(path, sizeof(path), LEASES "%s", via_bdf_text(vf_bdf(n)).text);
	snprintf(directory, sizeof(directory), "%s/sys/bus/pci/devices/%s", tree_fresh.root,
		 via_bdf_text(vf_bdf(n)).text);
	assert_int_equal(stat(directory, &status), 0);
	snprintf(text, sizeof(text),
		 "viaduct-lease 1\npool=web\nstate=%s\nkeeper=%d %" PRIu64
		 "\nholder=0 0\nattrs=\nwhy=\ndevice=%ju\n",
		 state, keeper.pid, keeper.start_ticks, (uintmax_t)status.st_ino);
	tree_put(path, text);
}

/* The number of a holder that was killed is this process's by now. */
static void the_number_of_a_process_is_not_the_process(void **state)
{
	struct via_process_id self, other;

	(void)state;
	only_one_vf();
	assert_int_equal(via_process_id_get(tree_fresh.host, getpid(), &self), 0);
	other = self;
	other.start_ticks++;
	put_record(0, "held", self);
	none_is_free("0000:01:10.0 process");
	put_record(0, "held", other);
	end(take());
}

static void one_that_fails_is_put_aside(void **state)
{
	via_cleanup(via_leases_free) struct via_leases first = { 0 }, leases = { 0 };
	struct via_lease *lease;
	struct via_error err;

	(void)state;
	tree_drop(&tree_fresh, VF(0) "reset");
	lease = take();
	assert_true(via_bdf_equal(via_lease_choice(lease)->bdf, vf_bdf(1)));
	assert_int_equal(via_lease_list(tree_fresh.host, &first, &err), 0);
	assert_int_equal(first.count, 2);
	assert_int_equal(first.all[1].record.state, VIA_LEASE_HELD);
	assert_string_equal(first.all[1].record.why, "");
	end(lease);
	/* Nobody looks at it a second time. */
	tree_put(VF(0) "reset", "");
	lease = take();
	assert_true(via_bdf_equal(via_lease_choice(lease)->bdf, vf_bdf(1)));
	assert_int_equal(via_lease_recover(tree_fresh.host, NULL, &err), 0);
	assert_int_equal(via_lease_list(tree_fresh.host, &leases, &err), 0);
	assert_int_equal(leases.count, 2);
	assert_int_equal(leases.all[0].record.state, VIA_LEASE_ASIDE);
	assert_non_null(strstr(leases.all[0].record.why, "0000:01:10.0 cannot be reset"));
	assert_true(leases.all[1].held);
	end(lease);
	/* But when it is asked to. */
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), 0);
	lease = take();
	assert_true(via_bdf_equal(via_lease_choice(lease)->bdf, vf_bdf(0)));
	/* A tenant can break one, too. */
	tree_drop(&tree_fresh, VF(0) "reset");
	assert_int_equal(via_lease_end(lease, &err), -ENOTTY);
	assert_says(&err, "0000:01:10.0 is put aside");
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), -ENOTTY);
	assert_true(is_on_record(0));
}

static void not_given(const char *path, const char *content, size_t bytes, const char *says)
{
	struct via_lease *lease;
	struct via_error err = { "" };

	tree_add(&tree_fresh, (struct tree_entry){ path, content, .bytes = bytes });
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &any, &lease, &err), -EIO);
	assert_says(&err, says);
	tree_drop(&tree_fresh, LEASES "0000:01:10.0");
}

static void what_does_not_look_right_is_put_aside(void **state)
{
	char bytes[sizeof(config)];

	(void)state;
	only_one_vf();
	memset(bytes, 0xff, sizeof(bytes));
	not_given(VF(0) "config", bytes, sizeof(bytes), "its registers read FFh");
	memcpy(bytes, config, sizeof(bytes));
	bytes[PCI_DEVICE_ID] = 1;
	bytes[PCI_DEVICE_ID + 1] = 0;
	not_given(VF(0) "config", bytes, sizeof(bytes), "after its reset that it is");
	memcpy(bytes, config, sizeof(bytes));
	bytes[PCI_HEADER_TYPE] = 1;
	not_given(VF(0) "config", bytes, sizeof(bytes), "another class");
	memcpy(bytes, config, sizeof(bytes));
	bytes[0x40 + PCI_MSIX_FLAGS + 1] = (char)(PCI_MSIX_FLAGS_ENABLE >> 8);
	not_given(VF(0) "config", bytes, sizeof(bytes), "interrupts on");
	not_given(VF(0) "config", config, 32, "32 bytes of configuration space");
	tree_add(&tree_fresh, (struct tree_entry){ VF(0) "config", config, .bytes = 256 });
	not_given(VF(0) "device", "0x1520\n", 0, "the VFs of its PF are 10ca");
	tree_put(VF(0) "device", "0x10ca\n");
	end(take());
}

static void one_the_host_uses_is_not_given(void **state)
{
	struct via_lease *lease;

	(void)state;
	tree_add(&tree_fresh,
		 (struct tree_entry){ .path = VF(0) "driver", .link = "../../../drivers/igbvf" });
	/* A network function with a driver of the host, and no interface here. */
	lease = take();
	assert_true(via_bdf_equal(via_lease_choice(lease)->bdf, vf_bdf(1)));
	end(lease);
	assert_false(is_on_record(0));
}

static void the_nearest_node_comes_first(void **state)
{
	const struct via_lease_options near = { .node = 1 }, nowhere = { .node = 2 };
	struct via_lease *first, *second, *none;
	struct via_error err;

	(void)state;
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &near, &first, &err), 0);
	assert_true(via_bdf_equal(via_lease_choice(first)->bdf, vf_bdf(1)));
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &near, &second, &err), 0);
	assert_true(via_bdf_equal(via_lease_choice(second)->bdf, vf_bdf(0)));
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &nowhere, &none, &err), -ENODEV);
	end(first);
	end(second);
}

static void what_is_on_lease_is_its_holders(void **state)
{
	char driver[VIA_DRIVER_NAME_BYTES];
	struct via_sriov_pf pf = { 0 };
	struct child child;
	struct via_error err;

	(void)state;
	only_one_vf();
	child = start(take_and_stay);
	assert_int_equal(via_lease_check(tree_fresh.host, vf_bdf(0), &err), -EBUSY);
	assert_says(&err, "0000:01:10.0 is on lease, from pool web to process");
	assert_int_equal(via_vfio_bind(tree_fresh.host, vf_bdf(0), "igbvf", &err), -EBUSY);
	assert_says(&err, "on lease");
	assert_int_equal(via_vfio_unbind(tree_fresh.host, vf_bdf(0), driver, &err), -EBUSY);
	assert_says(&err, "on lease");
	assert_int_equal(via_sriov_pf_load(tree_fresh.host, pf_bdf, &pf, &err), 0);
	assert_int_equal(via_sriov_destroy_check(tree_fresh.host, &pf, true, &err), -EBUSY);
	assert_says(&err, "on lease");
	/* Its driver would take the VFs along. */
	assert_int_equal(via_vfio_bind(tree_fresh.host, pf_bdf, "igbvf", &err), -EBUSY);
	assert_says(&err, "0000:01:10.0 is on lease");
	via_sriov_pf_clear(&pf);
	assert_int_equal(via_pool_save(tree_fresh.host, &pool, &err), 0);
	assert_int_equal(via_pool_remove(tree_fresh.host, "web", &err), -EBUSY);
	assert_says(&err, "0000:01:10.0 of pool web is on lease");
	finish(&child, SIGKILL);
	assert_int_equal(via_lease_check(tree_fresh.host, vf_bdf(0), &err), 0);
	assert_int_equal(via_pool_remove(tree_fresh.host, "web", &err), 0);
}

static void check_from_child(int to)
{
	char answer = via_lease_check(tree_fresh.host, vf_bdf(0), NULL) ? 'n' : 'y';

	say(to);
	if (write(to, &answer, 1) != 1)
		_exit(1);
}

static void those_the_holder_started_may_change_it(void **state)
{
	struct via_lease *lease = take();
	struct child child = start(check_from_child);
	char answer = 0;

	(void)state;
	assert_int_equal(via_lease_check(tree_fresh.host, vf_bdf(0), NULL), 0);
	assert_int_equal(read(child.from, &answer, 1), 1);
	assert_int_equal(answer, 'y');
	finish(&child, SIGKILL);
	end(lease);
}

static void end_on_sigterm(int to)
{
	struct via_lease *lease;
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	lease = take_or_exit();
	say(to);
	sigwait(&set, &signal);
	_exit(via_lease_end(lease, NULL) ? 1 : 0);
}

static void a_lease_can_be_asked_back(void **state)
{
	struct child child;
	struct via_error err;
	int status;

	(void)state;
	only_one_vf();
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), -ENOENT);
	assert_says(&err, "is not on lease");
	child = start(end_on_sigterm);
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), 0);
	assert_false(is_on_record(0));
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	assert_int_equal(status, 0);
	close(child.from);
	/* Who does not listen to it is killed by it, and its lease is cleaned up. */
	child = start(take_and_stay);
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), 0);
	assert_false(is_on_record(0));
	finish(&child, SIGKILL);
}

static void a_vf_may_go_while_it_is_on_lease(void **state)
{
	struct via_lease *lease = take();
	struct child child;

	(void)state;
	tree_drop(&tree_fresh, VF(0));
	tree_drop(&tree_fresh, PF "virtfn0");
	end(lease);
	assert_false(is_on_record(0));
	/* Another one at its address is not it. */
	add_vf(0);
	child = start(take_and_stay);
	tree_drop(&tree_fresh, VF(0));
	finish(&child, SIGKILL);
	add_vf(0);
	assert_int_equal(via_lease_recover(tree_fresh.host, NULL, NULL), 0);
	assert_false(is_on_record(0));
}

static void a_damaged_record_gives_nothing_away(void **state)
{
	struct via_error err;

	(void)state;
	only_one_vf();
	tree_put(LEASES "0000:01:10.0", "viaduct-lease 2\n");
	not_given(VF(0) "numa_node", "0\n", 0,
		  "the record of the lease of 0000:01:10.0 is damaged");
	tree_put(LEASES "0000:01:10.0", "junk");
	assert_int_equal(via_lease_check(tree_fresh.host, vf_bdf(0), &err), -EPROTO);
	assert_says(&err, "look at /run/viaduct/leases/0000:01:10.0");
	assert_int_equal(via_lease_release(tree_fresh.host, vf_bdf(0), &err), -EPROTO);
}

static void a_pool_may_have_no_vfs(void **state)
{
	struct via_lease *lease;
	struct via_error err;

	(void)state;
	all_vfs.first = 5;
	assert_int_equal(via_lease_take(tree_fresh.host, &pool, &any, &lease, &err), -ENOENT);
	all_vfs.first = 0;
	assert_says(&err, "'viaduct vf create 0000:01:00.0 COUNT' makes them");
}

#define TENANTS	      8U
#define LEASES_OF_ONE 125U

/* Only one tenant can make the file of a VF; who finds it there has one that is not its own. */
static void be_tenant(unsigned int tenant)
{
	struct via_lease_options options = { .node = tenant % 2 ? (int)(tenant / 2 % 2) : -1 };

	for (unsigned int got = 0; got < LEASES_OF_ONE;) {
		struct via_lease *lease;
		struct via_error err;
		char path[128];
		int fd, rc = via_lease_take(tree_fresh.host, &pool, &options, &lease, &err);

		if (rc == -EBUSY) {
			usleep(500);
			continue;
		}
		if (rc) {
			fprintf(stderr, "tenant %u: %s\n", tenant, err.text);
			_exit(1);
		}
		snprintf(path, sizeof(path), "%s/tenant-%s", tree_fresh.root,
			 via_bdf_text(via_lease_choice(lease)->bdf).text);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			_exit(2);
		close(fd);
		sched_yield();
		if (unlink(path))
			_exit(3);
		/* Now and then one is left to the others. */
		got++;
		if (got % 25 == 0 && !fork())
			_exit(0);
		if (via_lease_end(lease, &err)) {
			fprintf(stderr, "tenant %u: %s\n", tenant, err.text);
			_exit(4);
		}
	}
	_exit(0);
}

static void eight_processes_never_have_the_same(void **state)
{
	pid_t tenants[TENANTS];

	(void)state;
	for (unsigned int i = 0; i < TENANTS; i++) {
		tenants[i] = fork();
		assert_true(tenants[i] >= 0);
		if (!tenants[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			be_tenant(i);
		}
	}
	for (unsigned int i = 0; i < TENANTS; i++) {
		int status;

		assert_int_equal(waitpid(tenants[i], &status, 0), tenants[i]);
		assert_int_equal(status, 0);
	}
	for (unsigned int n = 0; n < VFS; n++)
		assert_false(is_on_record(n));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_vf_is_clean_before_and_after),
		FRESH(when_all_are_taken_the_holders_are_named),
		FRESH(after_kill_9_the_next_one_gets_it_clean),
		FRESH(a_command_keeps_the_lease_of_a_killed_keeper),
		FRESH(a_command_on_record_keeps_it_without_the_lock),
		FRESH(an_owner_keeps_the_lease_of_a_killed_keeper),
		FRESH(the_number_of_a_process_is_not_the_process),
		FRESH(one_that_fails_is_put_aside),
		FRESH(what_does_not_look_right_is_put_aside),
		FRESH(one_the_host_uses_is_not_given),
		FRESH(the_nearest_node_comes_first),
		FRESH(what_is_on_lease_is_its_holders),
		FRESH(those_the_holder_started_may_change_it),
		FRESH(a_lease_can_be_asked_back),
		FRESH(a_vf_may_go_while_it_is_on_lease),
		FRESH(a_damaged_record_gives_nothing_away),
		FRESH(a_pool_may_have_no_vfs),
		FRESH(eight_processes_never_have_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
