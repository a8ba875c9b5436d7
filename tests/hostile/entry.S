/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways into the hostile guest: PVH's for the first processor (xen/include/public/arch-x86/hvm/start_info.h:
 * 32 bits, no paging, ebx: the start info), a startup interrupt's for the others, and those of interrupts.
 */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	entry

	/* Pages of 1 GiB: the first 4 have memory, the APICs and configuration space. */
	.macro	long_mode
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax		/* EFER.LME */
	wrmsr
	mov	$0x80000001, %eax	/* PG, PE */
	mov	%eax, %cr0
	.endm

	.text
	.code32
	.globl	entry
entry:
	cli
	cld
	mov	$bss_begin, %edi	/* not empty after a reset */
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	shr	$2, %ecx
	xor	%eax, %eax
	rep stosl
	movl	$(pdpts + 7), pml4
	mov	$pdpts, %edi
	mov	$0x83, %eax		/* write-back; what is no memory is uncached by C later */
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$0x40000000, %eax
	add	$8, %edi
	loop	1b
	long_mode
	lgdt	gdt_here
	ljmp	$0x10, $1f
	.code64
1:	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$stacks_end, %esp
	mov	%ebx, %edi
	call	begin
	ud2

	/* Copied to 8000h, where a startup interrupt with vector 8 enters it in real mode. */
	.globl	trampoline, trampoline_end
	.set	AT, 0x8000
	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AT + (gdt_pointer - trampoline)
	long_mode
	ljmpl	$0x10, $another
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00af9b000000ffff	/* 10h: 64-bit code */
	.quad	0x00cf93000000ffff	/* 18h: data */
gdt_pointer:
	.word	31
	.long	AT + (gdt - trampoline)
trampoline_end:
gdt_here:
	.word	31
	.long	gdt

	.code64
another:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	/* The number of the processor tells its stack: no register of the local APIC can be trusted. */
	.globl	again
again:
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	and	$7, %ebx
	mov	%ebx, %edi
	shl	$14, %ebx
	mov	$stacks_end, %esp
	sub	%ebx, %esp
	call	go_on
	ud2

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
	mov	72(%rsp), %edi		/* the vector; sign-extended */
	cld
	call	interrupt
	test	%eax, %eax		/* an exception: what was done is given up */
	jz	again
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

	.bss
	.balign	4096
	.globl	pml4, pdpts
pml4:	.skip	4096
pdpts:	.skip	128 * 4096		/* 64 TiB */
	.skip	8 * 16384
stacks_end:

	.section .note.GNU-stack, "", @progbits
