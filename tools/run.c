/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vmm/vmm.h>

#include "command.h"
#include "output.h"
#include "parse.h"
#include "run-console.h"
#include "run-device.h"
#include "run-disk.h"
#include "run-net.h"
#include "run-privilege.h"
#include "run-stats.h"

struct run {
	struct via_cli *cli;
	struct via_vmm_config config;
	struct via_run_devices devices;
	struct via_run_nets nets;
	struct via_run_disks disks;
	struct via_run_stats stats;
	struct via_run_user user;
	struct via_run_console console;
	struct via_vmm *vmm;
	int signal_fd;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static int parse_count(const char *text, unsigned int *count)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*count = value > UINT32_MAX ? UINT32_MAX : (unsigned int)value;
	return 0;
}

static void signalled(void *data)
{
	struct run *run = data;
	struct signalfd_siginfo info;
	struct via_error err;

	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGUSR1)
		via_vmm_stop(run->vmm);
	else if (via_run_stats_write(&run->stats, run->vmm, "", &err))
		via_error_print("%s", err.text);
}

/* Signals become events of the guest's loop; blocked before its threads exist. */
static int watch_signals(struct run *run, struct via_error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a console nobody reads any more does not end the guest */
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return via_error_sys(err, errno, "cannot watch for signals");
	return 0;
}

static int parse_on_reset(const char *text, enum via_vmm_on_reset *on_reset)
{
	if (!strcmp(text, "reboot"))
		*on_reset = VIA_VMM_ON_RESET_REBOOT;
	else if (!strcmp(text, "stop"))
		*on_reset = VIA_VMM_ON_RESET_END;
	else
		return -EINVAL;
	return 0;
}

/* Each vector of a device is a descriptor, and a device has up to 2048 of them. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_guest(struct run *run, struct via_error *err)
{
	static const char *const ends[] = {
		[VIA_VMM_END_POWER_OFF] = "power-off",
		[VIA_VMM_END_RESET] = "reset",
		[VIA_VMM_END_STOPPED] = "stopped",
	};
	struct via_error stats_err;
	enum via_vmm_end end;
	int rc = via_run_user_find(&run->user, err), stats_rc;

	if (!rc)
		rc = via_run_stats_open(&run->stats, run->user.name, err);
	if (!rc)
		rc = via_run_devices_find(run->cli, &run->devices, err);
	run->config.devices = run->devices.devices;
	run->config.device_count = run->devices.count;
	if (!rc)
		rc = via_vmm_new(run->cli->host, &run->config, &run->vmm, err);
	/* Until here Ctrl-C just ends the process, and the kernel takes everything back. */
	if (!rc)
		rc = watch_signals(run, err);
	if (!rc)
		rc = via_vmm_watch(run->vmm, run->signal_fd, signalled, run, err);
	if (!rc)
		rc = via_run_console_attach(&run->console, run->vmm, err);
	/* Everything is open, and its threads will be born without. */
	if (!rc)
		rc = via_run_privilege_drop(&run->user, err);
	if (rc)
		return rc;
	rc = via_vmm_run(run->vmm, &end, err);
	stats_rc =
		via_run_stats_write(&run->stats, run->vmm, rc ? "failed" : ends[end], &stats_err);
	if (!rc && stats_rc)
		return via_error_set(err, -stats_rc, "%s", stats_err.text);
	return rc;
}

/* Return: 0, or the exit status of a command line that says nothing sensible. */
static int parse_events(struct via_cli *cli, struct via_vmm_config *config)
{
	static const char *const names[] = {
		[VIA_VMM_ON_ERROR_STOP] = "stop",
		[VIA_VMM_ON_ERROR_REPORT] = "report",
		[VIA_VMM_ON_ERROR_RESET] = "reset",
	};
	const char *on_error = via_cli_value(cli, "on-error");
	const char *timeout = via_cli_value(cli, "unplug-timeout");
	size_t i = 0;

	while (on_error && i < sizeof(names) / sizeof(*names) && strcmp(on_error, names[i]))
		i++;
	if (i == sizeof(names) / sizeof(*names))
		return via_usage_error("--on-error is stop, report or reset, not '%s'", on_error);
	config->on_error = (enum via_vmm_on_error)i;
	if (timeout &&
	    (parse_count(timeout, &config->unplug_timeout_s) || !config->unplug_timeout_s))
		return via_usage_error("--unplug-timeout wants seconds, 1 or more, not '%s'",
				       timeout);
	return 0;
}

int cmd_run(struct via_cli *cli, int argc, char **argv)
{
	const char *cpus = via_cli_value(cli, "cpus"), *memory = via_cli_value(cli, "memory");
	const char *console = via_cli_value(cli, "console");
	const char *backend = via_cli_value(cli, "backend");
	const char *iommufd = via_cli_value(cli, "iommufd");
	const char *on_reset = via_cli_value(cli, "on-reset");
	struct run run = {
		.cli = cli,
		.config = {
			.kernel = via_cli_value(cli, "kernel"),
			.initrd = via_cli_value(cli, "initrd"),
			.append = via_cli_value(cli, "append"),
			.cpus = 1,
			.iommufd = -1,
			.populate = via_cli_flag(cli, "populate"),
			.require_reset = via_cli_flag(cli, "require-reset"),
			.rng = via_cli_flag(cli, "rng"),
		},
		.stats = {
			.path = via_cli_value(cli, "stats"),
			.begin_ns = now_ns(),
			.fd = -1,
		},
		.user.name = via_cli_value(cli, "user"),
		.signal_fd = -1,
	};
	struct via_error err = { 0 };
	int rc;

	(void)argc;
	(void)argv;
	if (!run.config.kernel)
		return via_usage_error("a guest needs a kernel: --kernel FILE");
	if (cpus && parse_count(cpus, &run.config.cpus))
		return via_usage_error("--cpus wants a number, not '%s'", cpus);
	if (via_parse_size(memory ? memory : VIA_MEMORY_DEFAULT, &run.config.memory_bytes))
		return via_usage_error("--memory wants a size such as 512M or 4G, not '%s'",
				       memory);
	if (backend && via_parse_backend(backend, &run.config.backend))
		return via_usage_error("--backend is auto, group or iommufd, not '%s'", backend);
	if (iommufd && via_run_fd_parse(iommufd, &run.config.iommufd))
		return via_usage_error("--iommufd wants an open descriptor, fd=N, not '%s'",
				       iommufd);
	if (on_reset && parse_on_reset(on_reset, &run.config.on_reset))
		return via_usage_error("--on-reset wants reboot or stop, not '%s'", on_reset);

	rc = parse_events(cli, &run.config);
	if (rc)
		return rc;
	if (!console)
		console = "stdio";
	if (!via_run_console_spec_valid(console))
		return via_usage_error("a console is stdio, none or file=PATH, not '%s'", console);
	rc = via_run_nets_parse(cli, &run.nets);
	if (!rc)
		rc = via_run_disks_parse(cli, &run.disks);
	if (rc) {
		via_run_nets_clear(&run.nets);
		via_run_disks_clear(&run.disks);
		return rc;
	}
	run.config.nets = run.nets.nets;
	run.config.net_count = run.nets.count;
	run.config.disks = run.disks.disks;
	run.config.disk_count = run.disks.count;
	raise_file_limit();

	rc = via_run_console_open(&run.console, console, &err);
	run.config.console_in = run.console.in;
	run.config.console_out = run.console.out;
	if (!rc)
		rc = run_guest(&run, &err);
	via_vmm_free(run.vmm);
	via_run_console_close(&run.console);
	via_run_devices_clear(&run.devices);
	via_run_nets_clear(&run.nets);
	via_run_disks_clear(&run.disks);
	via_run_stats_close(&run.stats);
	via_close(&run.signal_fd);
	return rc ? via_fail(&err) : VIA_EXIT_DONE;
}
