/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

const struct via_command via_commands[] = {
	{
		.name = "vf",
		.summary = "The virtual functions (VFs) of an SR-IOV device, its physical function "
			   "(PF).",
	},
	{ 0 },
};
