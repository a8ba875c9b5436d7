#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the emulator and carries one command's output and status out of it.
#   supervise.pl FOLDER BOOT-SECONDS TIMEOUT-SECONDS run|shell -- EMULATOR...
# FOLDER/command holds the environment and the command for agent.pl. Exits with the
# command's status; what else happened goes to FOLDER/outcome, as a word and a sentence.
# {LAB}, {MON0} and {MON1} in EMULATOR become file descriptors of sockets.
use strict;
use warnings;
use Socket;
use POSIX qw(:sys_wait_h);

# Slower than any real pause of a machine with other work, sooner than a person gives up.
my $SILENCE_SECONDS = 90;
my ($SYS_prctl, $PR_SET_PDEATHSIG) = (157, 1);
syscall($SYS_prctl, $PR_SET_PDEATHSIG, 15, 0, 0, 0);

my ($folder, $boot_seconds, $timeout_seconds, $mode, $dashes, @emulator) = @ARGV;
my $emulator_pid;

sub outcome {
    my ($word, $sentence) = @_;
    open(my $file, '>', "$folder/outcome") or die "lab: $folder/outcome: $!\n";
    print $file "$word\n$sentence\n";
    close $file;
}

sub finish {
    my ($code) = @_;
    if ($emulator_pid) {
        kill 'KILL', $emulator_pid;
        waitpid($emulator_pid, 0);
    }
    exit $code;
}

$^F = 1000;    # the sockets stay open in the emulator
my %place;
socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "lab: socketpair: $!\n";
socketpair(my $mon0, my $mon1, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "lab: socketpair: $!\n";
%place = (LAB => fileno $theirs, MON0 => fileno $mon0, MON1 => fileno $mon1);
s/\{(LAB|MON0|MON1)\}/$place{$1}/g for @emulator;

open(my $file, '<', "$folder/command") or die "lab: $folder/command: $!\n";
my $command = do { local $/; <$file> };
close $file;

for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { outcome('signal', "ended by SIG$signal"); finish(128 + { INT => 2, TERM => 15, HUP => 1 }->{$signal}) };
}
$SIG{INT} = 'IGNORE' if $mode eq 'shell';
$SIG{PIPE} = 'IGNORE';

$emulator_pid = fork();
die "lab: fork: $!\n" if !defined $emulator_pid;
if ($emulator_pid == 0) {
    syscall($SYS_prctl, $PR_SET_PDEATHSIG, 9, 0, 0, 0);
    # Ctrl-C is ours to handle; the terminal's other signals stay as they are.
    $SIG{INT} = 'IGNORE';
    close $ours;
    if ($mode ne 'shell') {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>&', \*STDERR);
        open(STDERR, '>>', "$folder/emulator.log");
        open(STDOUT, '>>', "$folder/emulator.log");
    } else {
        open(STDERR, '>>', "$folder/emulator.log");
    }
    { no warnings; exec { $emulator[0] } @emulator; }
    POSIX::_exit(127);
}
close $_ for $theirs, $mon0, $mon1;
binmode STDOUT;
binmode STDERR;

sub pass_on {
    my ($to, $data) = @_;
    my $at = 0;
    while ($at < length $data) {
        my $n = syswrite($to, $data, length($data) - $at, $at);
        if (!defined $n) {
            next if $!{EINTR};
            if ($!{EAGAIN}) { select(undef, undef, undef, 0.01); next }
            outcome('signal', 'nobody reads the output');
            finish($!{EPIPE} ? 141 : 1);
        }
        $at += $n;
    }
}

# monitor COMMAND: what the emulator answers.
sub monitor {
    my ($command) = @_;
    my ($answer, $n) = ('');
    socket(my $to, AF_UNIX, SOCK_STREAM, 0) or return '';
    connect($to, sockaddr_un("$folder/hmp")) or return '';
    syswrite($to, "$command\n");
    # It greets, repeats the command, answers and is ready for the next.
    while (($answer =~ s/\(qemu\) /$&/g || 0) < 2) {
        vec(my $set = '', fileno $to, 1) = 1;
        last if select($set, undef, undef, 2) <= 0 || !($n = sysread($to, $answer, 65536, length $answer));
    }
    return $answer;
}

# What the emulated processors were at, for who wonders why.
sub registers {
    open(my $log, '>>', "$folder/emulator.log") or return;
    print $log grep { /^CPU#|^RIP|^RSP|^CR0|^EFER/ } split(/^/, monitor('info registers -a'));
    close $log;
}

my ($buffer, $ready, $last, $started, $asked) = ('', 0, time, time, time);
while (1) {
    my $set = '';
    vec($set, fileno $ours, 1) = 1;
    my $found = select(my $has = $set, undef, undef, 0.25);
    if ($found > 0) {
        my $n = sysread($ours, $buffer, 262144, length $buffer);
        if (!$n) {
            waitpid($emulator_pid, 0);
            my $how = WIFSIGNALED($?) ? 'was killed by signal ' . WTERMSIG($?) : 'ended with status ' . WEXITSTATUS($?);
            $emulator_pid = 0;
            outcome($ready ? 'died' : 'noboot', $ready
                ? "the emulated host went down before the command ended (the emulator $how)"
                : "the emulated host did not come up (the emulator $how)");
            finish(125);
        }
        $last = time;
        while (length $buffer >= 5) {
            my ($kind, $length) = unpack('aN', $buffer);
            last if length $buffer < 5 + $length;
            my $data = substr($buffer, 5, $length);
            substr($buffer, 0, 5 + $length) = '';
            if ($kind eq 'O') { pass_on(\*STDOUT, $data) }
            elsif ($kind eq 'E') { pass_on(\*STDERR, $data) }
            elsif ($kind eq 'X') { outcome('exit', $data); finish($data) }
            elsif ($kind eq 'R') {
                ($ready, $started) = (1, time);
                pass_on($ours, pack('aNa*', $mode eq 'shell' ? 'S' : 'C', length $command, $command));
            }
            $last = time;
        }
    }
    my $now = time;
    # One that resets itself stops where it is (boot.sh).
    if ($now - $last >= 3 && $now - $asked >= 3) {
        $asked = $now;
        if (monitor('info status') =~ /paused \(shutdown\)/) {
            registers();
            outcome($ready ? 'died' : 'noboot', 'the emulated host ' . ($ready ? 'went down before the command ended' : 'did not come up') .
                ' (it reset itself, or switched itself off)');
            finish(125);
        }
    }
    if (!$ready && $now - $started > $boot_seconds) {
        outcome('noboot', "the emulated host did not come up in $boot_seconds s");
        finish(125);
    }
    if ($ready && $timeout_seconds && $now - $started >= $timeout_seconds) {
        outcome('timeout', "the command did not end in $timeout_seconds s");
        finish(124);
    }
    if ($ready && $now - $last > $SILENCE_SECONDS) {
        registers();
        outcome('hung', "the emulated host has shown no life for $SILENCE_SECONDS s");
        finish(125);
    }
}
