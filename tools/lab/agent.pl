#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Process 1 of the emulated host once it is up. It receives one command from
# supervise.pl over a virtio port, runs it, and sends back what it says.
#
# A frame is a letter, a 32-bit big-endian length and so many bytes. To us:
# C the environment and the command, NUL-separated, an empty string between.
# From us: R ready, O and E output, B a beat each second, X the exit status.
use strict;
use warnings;
use POSIX qw(:sys_wait_h O_RDWR O_NONBLOCK);

my $SYS_sync = 162;
my $port_path = delete $ENV{LAB_PORT} or die "lab: no port\n";
# Not blocking: there the kernel spins until the emulator has taken what is sent, even when it missed the doorbell.
sysopen(my $port, $port_path, O_RDWR | O_NONBLOCK) or die "lab: $port_path: $!\n";

sub send_frame {
    my ($kind, $data) = @_;
    my $frame = pack('aNa*', $kind, length $data, $data);
    my $at = 0;
    while ($at < length $frame) {
        my $n = syswrite($port, $frame, length($frame) - $at, $at);
        if (!defined $n) {
            halt() if !$!{EINTR} && !$!{EAGAIN};
            select(undef, undef, undef, 0.01);
            next;
        }
        $at += $n;
    }
}

sub halt {
    system('/bin/busybox', 'poweroff', '-f');
    sleep 1 while 1;
}

sub receive_exactly {
    my ($want) = @_;
    my $data = '';
    while (length $data < $want) {
        my $n = sysread($port, $data, $want - length $data, length $data);
        select(undef, undef, undef, 0.05) if !$n;
    }
    return $data;
}

send_frame('R', '');
my ($kind, $length) = unpack('aN', receive_exactly(5));
my ($environment, $command) = split(/\0\0/, receive_exactly($length), 2);
for (split(/\0/, $environment)) {
    my ($name, $value) = split(/=/, $_, 2);
    $ENV{$name} = $value;
}
my @command = split(/\0/, $command, -1);
pop @command;

pipe(my $out, my $out_end) or die;
pipe(my $err, my $err_end) or die;
my $child = fork();
die "lab: fork: $!\n" if !defined $child;
if ($child == 0) {
    close $port;
    POSIX::setsid();
    chdir '/root';
    if ($kind eq 'S') {
        open(STDIN, '+<', '/dev/hvc0') or die "lab: /dev/hvc0: $!\n";
        POSIX::dup2(0, 1);
        POSIX::dup2(0, 2);
        ioctl(STDIN, 0x540E, 0);    # TIOCSCTTY: the shell's job control needs a terminal of its own
    } else {
        open(STDIN, '<', '/dev/null');
        POSIX::dup2(fileno $out_end, 1);
        POSIX::dup2(fileno $err_end, 2);
        close $_ for $out, $err, $out_end, $err_end;
    }
    $SIG{PIPE} = 'DEFAULT';
    { no warnings 'exec'; exec { $command[0] } @command; }
    my $why = $!;
    print STDERR "lab: $command[0]: $why\n";
    POSIX::_exit($why == POSIX::ENOENT() ? 127 : 126);
}
close $out_end;
close $err_end;

my %letter = (fileno($out) => 'O', fileno($err) => 'E');
my %open = (fileno($out) => $out, fileno($err) => $err);
my $status;
my $beat = 0;
while (1) {
    my $set = '';
    vec($set, $_, 1) = 1 for keys %open;
    # After the command has ended only what is already in the pipes is its own.
    my $found = select(my $ready = $set, undef, undef, defined $status ? 0 : 0.2);
    if ($found > 0) {
        for my $fd (keys %open) {
            next if !vec($ready, $fd, 1);
            my $n = sysread($open{$fd}, my $data, 65536);
            if ($n) { send_frame($letter{$fd}, $data) }
            else { delete $open{$fd} }
        }
    } else {
        last if defined $status;
    }
    if (time != $beat) {
        $beat = time;
        send_frame('B', '');
    }
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
        $status = $? if $pid == $child;
    }
}

# What the command wrote to /share must be there when the lab has ended; a device
# left broken must not hold that up.
my $syncer = fork();
if (defined $syncer && $syncer == 0) { syscall($SYS_sync); POSIX::_exit(0); }
for (1 .. 100) {
    last if waitpid($syncer, WNOHANG) != 0;
    select(undef, undef, undef, 0.05);
}
my $code = WIFSIGNALED($status) ? 128 + WTERMSIG($status) : WEXITSTATUS($status);
send_frame('X', $code);
sleep 5;
halt();
