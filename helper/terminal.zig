//! The controlling terminal of the client's session, whose foreground group a command with `foreground` becomes: what a shell
//! with job control does for its jobs (tcsetpgrp). The helper's group is in the background; the kernel lets it do that
//! since it blocks SIGTTOU.
const std = @import("std");
const sys = @import("sys.zig");
const linux = sys.linux;

/// The client's process group, and 0 if that has no number.
pub var client_group: sys.pid_t = 0;

/// The program that was given the terminal last, until it is taken back.
var owner: sys.pid_t = 0;

/// Makes the group of this program, which it leads or is to lead, the foreground group in the client's place.
pub fn give(program: sys.pid_t) void {
    const fd = open() orelse return;
    defer release(fd);
    // Another command or job has it.
    if (client_group == 0 or sys.askTerminal(fd, sys.TIOCGPGRP) != client_group) return;
    // A process that has called execve is a leader already (EACCES).
    _ = linux.setpgid(program, program);
    if (setForeground(fd, program)) owner = program;
}

/// The program has stopped or ended. Another group in the foreground is left there.
pub fn takeBack(program: sys.pid_t) void {
    if (owner != program) return;
    owner = 0;
    const fd = open() orelse return;
    defer release(fd);
    if (sys.askTerminal(fd, sys.TIOCGPGRP) == program) _ = setForeground(fd, client_group);
}

/// This process ends, and with it the programs.
pub fn takeBackAny() void {
    if (owner != 0) takeBack(owner);
}

fn setForeground(fd: sys.fd_t, group: sys.pid_t) bool {
    return sys.errnoOf(linux.ioctl(fd, sys.TIOCSPGRP, @intFromPtr(&group))) == 0;
}

/// Each time: a descriptor that stays open would keep the terminal from closing.
fn open() ?sys.fd_t {
    const opened = linux.openat(linux.AT.FDCWD, "/dev/tty", .{ .ACCMODE = .RDWR, .NOCTTY = true, .NONBLOCK = true, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) == 0) return sys.asFd(opened);
    // The client's root may have no such file.
    for (0..3) |fd| if (sys.askTerminal(@intCast(fd), sys.TIOCGPGRP) != null) return @intCast(fd);
    return null;
}

fn release(fd: sys.fd_t) void {
    if (fd > 2) sys.close(fd);
}

/// As at the start, for the fuzz program.
pub fn reset() void {
    owner = 0;
}
