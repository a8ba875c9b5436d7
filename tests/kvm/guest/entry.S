/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way in, and what C cannot say: the 64-bit entry point of the Linux boot protocol (rsi: zero
 * page, interrupts off, no stack), an IDT's worth of stubs, and the start of another processor.
 */
	.section .entry, "ax"
	.code64
	.globl	_start
_start:
	mov	$boot_stack_end, %esp
	cld
	mov	$bss_begin, %edi	/* not empty after a reset */
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	shr	$3, %ecx
	xor	%eax, %eax
	rep stosq
	mov	%rsi, %rdi
	call	guest_main
1:	cli
	hlt
	jmp	1b

	.text
	.globl	stubs			/* 16 bytes each, by vector */
	.balign	16
stubs:
	vector = 0
	.rept	256
	.balign	16
	push	$vector
	jmp	interrupted
	vector = vector + 1
	.endr

/* No exception of this guest returns, so what the processor pushes with some does not matter. */
interrupted:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	mov	72(%rsp), %rdi		/* the vector */
	mov	80(%rsp), %rsi		/* rip, or an error code */
	cld
	call	interrupt
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$8, %rsp
	iretq

/* Copied to 8000h, where a startup interrupt with vector 8 enters it in real mode. */
	.section .rodata
	.globl	trampoline, trampoline_end
	.set	AT, 0x8000
	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AT + (gdt_pointer - trampoline)
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$0x9000, %eax		/* the tables the first processor began with */
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax		/* EFER.LME */
	wrmsr
	mov	$0x80000001, %eax	/* PG, PE */
	mov	%eax, %cr0
	ljmpl	$0x10, $another
	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* 10h: 64-bit code */
	.quad	0x00cf93000000ffff	/* 18h: data */
gdt_pointer:
	.word	31
	.long	AT + (gdt - trampoline)
trampoline_end:

	.text
	.code64
another:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$another_stack_end, %esp
	call	another_main
1:	cli
	hlt
	jmp	1b

	.bss
	.balign	16
	.skip	16384
boot_stack_end:
	.skip	4096
another_stack_end:

	.section .note.GNU-stack, "", @progbits
