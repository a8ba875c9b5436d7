/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/attr.h>

#include "output.h"

#define NAME_CHARS 15 /* IFNAMSIZ, without its end */

static int parse_mac(const char *text, struct via_vmm_net *net)
{
	struct via_mac mac;

	if (via_mac_parse(text, &mac, NULL))
		return via_usage_error(
			"mac= of --net wants the address of one card, as 02:00:00:00:00:01, "
			"not '%s'",
			text);
	memcpy(net->mac, mac.octets, sizeof(net->mac));
	return 0;
}

static int parse_queues(const char *text, struct via_vmm_net *net)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || *end || !value || value > VIA_VMM_QUEUES_MAX)
		return via_usage_error("queues= of --net wants a number from 1 to %d, not '%s'",
				       VIA_VMM_QUEUES_MAX, text);
	net->queues = (unsigned int)value;
	return 0;
}

static int parse_option(const char *option, struct via_vmm_net *net)
{
	if (!strncmp(option, "mac=", 4))
		return parse_mac(option + 4, net);
	if (!strncmp(option, "queues=", 7))
		return parse_queues(option + 7, net);
	if (strcmp(option, "vhost"))
		return via_usage_error("--net has no option '%s': vhost, mac=ADDRESS or queues=N",
				       option);
	if (net->backend == VIA_VMM_NET_USER)
		return via_usage_error("vhost serves a tap: --net tap=NAME,vhost");
	net->backend = VIA_VMM_NET_TAP_VHOST;
	return 0;
}

static int parse_kind(const char *kind, struct via_vmm_net *net)
{
	if (!strcmp(kind, "user"))
		return 0;
	if (strncmp(kind, "tap=", 4))
		return via_usage_error("--net is user or tap=NAME, not '%s'", kind);
	net->backend = VIA_VMM_NET_TAP;
	net->tap = kind + 4;
	if (!*net->tap || strlen(net->tap) > NAME_CHARS || strpbrk(net->tap, "/%: \t\n") ||
	    !strcmp(net->tap, ".") || !strcmp(net->tap, ".."))
		return via_usage_error("'%s' cannot be the name of a tap (--net)", net->tap);
	return 0;
}

/* @text is cut at its commas. */
static int parse(char *text, struct via_vmm_net *net)
{
	int status;

	*net = (struct via_vmm_net){ .backend = VIA_VMM_NET_USER };
	status = parse_kind(strsep(&text, ","), net);
	while (!status && text)
		status = parse_option(strsep(&text, ","), net);
	if (!status && net->backend == VIA_VMM_NET_USER && net->queues > 1)
		return via_usage_error("--net user has one pair of queues, not %u", net->queues);
	return status;
}

static int check_once(const struct via_run_nets *nets)
{
	const struct via_vmm_net *last = &nets->nets[nets->count - 1];

	for (size_t i = 0; last->tap && i + 1 < nets->count; i++)
		if (nets->nets[i].tap && !strcmp(nets->nets[i].tap, last->tap))
			return via_usage_error("the tap %s is given to the guest twice (--net)",
					       last->tap);
	return 0;
}

int via_run_nets_parse(const struct via_cli *cli, struct via_run_nets *nets)
{
	const char *text;
	size_t at = 0;

	while ((text = via_cli_next_value(cli, "net", &at))) {
		size_t i = nets->count;
		int status;

		if (i == VIA_VMM_NETS_MAX)
			return via_usage_error("a guest has at most %d network cards (--net)",
					       VIA_VMM_NETS_MAX);
		nets->texts[i] = strdup(text);
		if (!nets->texts[i]) {
			via_error_print("cannot remember --net %s: %s", text, strerror(ENOMEM));
			return VIA_EXIT_FAILED;
		}
		nets->count++;
		status = parse(nets->texts[i], &nets->nets[i]);
		if (!status)
			status = check_once(nets);
		if (status)
			return status;
	}
	return 0;
}

void via_run_nets_clear(struct via_run_nets *nets)
{
	for (size_t i = 0; i < nets->count; i++)
		free(nets->texts[i]);
	*nets = (struct via_run_nets){ 0 };
}
