/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_CONSOLE_H
#define VIADUCT_TOOLS_RUN_CONSOLE_H

#include <stdbool.h>
#include <termios.h>

#include <viaduct/util/error.h>
#include <viaduct/vmm/vmm.h>

/*
 * The guest's serial port on this process's standard input and output, or on a file. On a
 * terminal each key goes to the guest, but for Ctrl-A X, which ends it, and Ctrl-A Ctrl-A, which
 * is one Ctrl-A.
 */
struct via_run_console {
	int in, out; /* for struct via_vmm_config */
	int out_file;
	bool raw; /* standard input is a terminal in raw mode */
	struct termios saved;
	int keys[2]; /* pipe from the terminal to the guest */
	bool escape; /* Ctrl-A was typed */
	struct via_vmm *vmm;
};

/** via_run_console_spec_valid() - whether @spec is "stdio", "none", or "file=PATH". */
bool via_run_console_spec_valid(const char *spec);

/**
 * via_run_console_open() - @spec: one that is valid.
 *
 * Return: 0, or the errno of opening the file.
 */
int via_run_console_open(struct via_run_console *console, const char *spec, struct via_error *err);

/** via_run_console_attach() - from now on keys reach @vmm. Return: 0 or -errno. */
int via_run_console_attach(struct via_run_console *console, struct via_vmm *vmm,
			   struct via_error *err);

/** via_run_console_close() - leave the terminal as it was found. */
void via_run_console_close(struct via_run_console *console);

#endif
