//! System calls as the kernel has them: those that std.os.linux lacks or gets wrong, and small helpers around the rest.
//! Results are the kernel's: `errnoOf` tells a failure.
const std = @import("std");

/// The kernel. The fuzz program has one of its own, in which no process is real.
pub const linux = if (@import("options").fuzz) @import("fuzz/kernel.zig") else std.os.linux;

pub const fd_t = linux.fd_t;
pub const pid_t = linux.pid_t;
pub const E = linux.E;

/// 0 where the call succeeded.
pub noinline fn errnoOf(result: usize) u16 {
    const signed: isize = @bitCast(result);
    return if (signed < 0 and signed > -4096) @intCast(-signed) else 0;
}

pub fn isError(result: usize, e: E) bool {
    return errnoOf(result) == @intFromEnum(e);
}

/// The value of a call that succeeded, as a descriptor.
pub fn asFd(result: usize) fd_t {
    std.debug.assert(errnoOf(result) == 0);
    return @intCast(result);
}

fn arg(value: anytype) usize {
    return @bitCast(@as(isize, value));
}

pub noinline fn close(fd: fd_t) void {
    std.debug.assert(fd > 2);
    // The descriptor is free whatever close says (man 2 close), and a pipe or socket has nothing to lose.
    _ = linux.close(fd);
}

/// std's CLOSE_RANGE flags are off by one bit; none is needed here.
pub fn closeRange(first: fd_t, last: u32) usize {
    return linux.syscall3(.close_range, arg(first), last, 0);
}

/// `struct clone_args`, CLONE_ARGS_SIZE_VER0.
pub const CloneArgs = extern struct {
    flags: u64 align(8) = 0,
    pidfd: u64 = 0,
    child_tid: u64 = 0,
    parent_tid: u64 = 0,
    exit_signal: u64 = 0,
    stack: u64 = 0,
    stack_size: u64 = 0,
    tls: u64 = 0,

    comptime {
        std.debug.assert(@sizeOf(CloneArgs) == 64);
    }
};

/// Returns twice. Never with CLONE_VM: both sides would run on one stack.
pub inline fn clone3(args: *const CloneArgs) usize {
    std.debug.assert(args.flags & linux.CLONE.VM == 0);
    return linux.syscall2(.clone3, @intFromPtr(args), @sizeOf(CloneArgs));
}

/// The older call with the flags that both know. Returns twice, as above.
pub inline fn cloneLegacy(flags: u64, exit_signal: u64) usize {
    std.debug.assert(flags & linux.CLONE.VM == 0);
    std.debug.assert(flags & 0xff == 0);
    return linux.syscall5(.clone, @intCast(flags | exit_signal), 0, 0, 0, 0);
}

/// By the call that this kernel has. Returns twice, as above.
pub noinline fn cloneLikeFork(has_clone3: bool, flags: u64, exit_signal: u64) usize {
    if (has_clone3) return clone3(&.{ .flags = flags, .exit_signal = exit_signal });
    return cloneLegacy(flags, exit_signal);
}

/// Whether this kernel, and whatever filters its calls, has clone3: a null argument is EINVAL then.
pub fn hasClone3() bool {
    return isError(linux.syscall2(.clone3, 0, 0), .INVAL);
}

pub fn fcntl(fd: fd_t, command: i32, value: usize) usize {
    return linux.syscall3(if (@hasField(linux.SYS, "fcntl64")) .fcntl64 else .fcntl, arg(fd), arg(command), value);
}

pub const F_DUPFD_CLOEXEC = 1030;
pub const F_GETFD = 1;
pub const F_SETFD = 2;
/// How many bytes a pipe has (FIONREAD, the same number on every architecture of the helper); 0 if that is not known.
pub fn readableSize(fd: fd_t) u64 {
    var size: i32 = 0;
    const result = linux.syscall3(.ioctl, arg(fd), 0x541b, @intFromPtr(&size));
    return if (errnoOf(result) == 0 and size > 0) @intCast(size) else 0;
}

pub const F_GETFL = 3;
pub const F_SETFL = 4;
pub const F_SETPIPE_SZ = 1031;
pub const F_ADD_SEALS = 1033;
pub const F_GET_SEALS = 1034;
pub const FD_CLOEXEC = 1;

pub const open_nonblock: u32 = @bitCast(linux.O{ .NONBLOCK = true });

/// As linux.rusage, but with the `long`s that the kernel writes on every architecture.
pub const Rusage = extern struct {
    user_s: isize,
    user_us: isize,
    system_s: isize,
    system_us: isize,
    max_resident_kib: isize,
    shared: isize,
    data: isize,
    stack: isize,
    minor_faults: isize,
    major_faults: isize,
    swaps: isize,
    blocks_in: isize,
    blocks_out: isize,
    messages_sent: isize,
    messages_received: isize,
    signals: isize,
    voluntary_switches: isize,
    involuntary_switches: isize,
};

/// For `waitFor`.
pub const any_child: pid_t = -1;

/// A child that has ended, was stopped or goes on, without waiting: its pid, or 0.
pub noinline fn waitFor(which: pid_t, status: *u32, usage: *Rusage) usize {
    const flags = linux.W.NOHANG | linux.W.UNTRACED | linux.W.CONTINUED;
    return linux.syscall4(.wait4, arg(which), @intFromPtr(status), flags, @intFromPtr(usage));
}

/// Whether there is a process in this process group, dead or alive.
pub fn hasGroup(group: pid_t) bool {
    return !isError(linux.syscall2(.kill, arg(-group), 0), .SRCH);
}

/// Whether a child that was not reaped is in this process group.
pub fn hasChildInGroup(group: pid_t) bool {
    var info: [32]u32 = undefined;
    const flags = linux.W.EXITED | linux.W.NOHANG | linux.W.NOWAIT;
    const result = linux.syscall5(.waitid, @intFromEnum(linux.P.PGID), arg(group), @intFromPtr(&info), flags, 0);
    return errnoOf(result) == 0;
}

/// The process group of a child that was not reaped.
pub fn groupOf(pid: pid_t) pid_t {
    return numberOf(linux.syscall1(.getpgid, arg(pid)));
}

/// 0 if there is no such process.
pub fn sessionOf(pid: pid_t) pid_t {
    return numberOf(linux.syscall1(.getsid, arg(pid)));
}

/// Milliseconds of CLOCK_MONOTONIC.
pub noinline fn now() u64 {
    var time: linux.timespec = undefined;
    // std's own looks for the vDSO first, which takes 1 KB.
    _ = linux.syscall2(.clock_gettime, @intFromEnum(linux.CLOCK.MONOTONIC), @intFromPtr(&time));
    return @as(u64, @intCast(time.sec)) * std.time.ms_per_s + @as(u64, @intCast(time.nsec)) / std.time.ns_per_ms;
}

/// Whether a child that was not reaped is dead.
pub fn hasEnded(pid: pid_t) bool {
    return stateOf(pid) == .dead;
}

/// Whether this process is a child of the calling one that was not reaped.
pub fn isChild(pid: pid_t) bool {
    return stateOf(pid) != .foreign;
}

noinline fn stateOf(pid: pid_t) enum { foreign, lives, dead } {
    // A siginfo_t. Its first number is SIGCHLD where the child has ended, and 0 otherwise (man 2 waitid).
    var info: [32]u32 = @splat(0);
    const flags = linux.W.EXITED | linux.W.NOHANG | linux.W.NOWAIT;
    const result = linux.syscall5(.waitid, @intFromEnum(linux.P.PID), arg(pid), @intFromPtr(&info), flags, 0);
    if (errnoOf(result) != 0) return .foreign;
    return if (info[0] != 0) .dead else .lives;
}

/// The signal that has stopped the child, by what wait4 tells of it; null where that is something else.
pub fn stopSignal(status: u32) ?u8 {
    return if (status & 0xff == 0x7f) @truncate(status >> 8) else null;
}

/// Whether the child goes on, by what wait4 tells of it.
pub fn isContinued(status: u32) bool {
    return status == 0xffff;
}

/// Disposition of one signal, with the kernel's layout: the handler comes first everywhere.
const KernelSigaction = linux.k_sigaction;

pub fn isIgnored(signal: u7) bool {
    var action: KernelSigaction = std.mem.zeroes(KernelSigaction);
    const result = linux.syscall4(.rt_sigaction, signal, 0, @intFromPtr(&action), 8);
    return errnoOf(result) == 0 and @intFromPtr(action.handler) == 1;
}

pub fn setDefault(signal: u7) usize {
    const action: KernelSigaction = std.mem.zeroes(KernelSigaction);
    return linux.syscall4(.rt_sigaction, signal, @intFromPtr(&action), 0, 8);
}

/// Signals as the kernel's mask has them: bit n - 1 for signal n.
pub const SignalMask = u64;

pub fn setMask(mask: SignalMask) usize {
    return linux.syscall4(.rt_sigprocmask, linux.SIG.SETMASK, @intFromPtr(&mask), 0, 8);
}

/// Sets the mask, and returns the one before.
pub fn exchangeMask(mask: SignalMask) SignalMask {
    var before: SignalMask = 0;
    _ = linux.syscall4(.rt_sigprocmask, linux.SIG.SETMASK, @intFromPtr(&mask), @intFromPtr(&before), 8);
    return before;
}

/// Ignores a signal.
pub fn setIgnored(signal: u7) usize {
    var action: KernelSigaction = std.mem.zeroes(KernelSigaction);
    action.handler = @ptrFromInt(1);
    return linux.syscall4(.rt_sigaction, signal, @intFromPtr(&action), 0, 8);
}

pub fn signalfd(mask: SignalMask) usize {
    const flags: u32 = linux.SFD.CLOEXEC | linux.SFD.NONBLOCK;
    return linux.syscall4(.signalfd4, arg(@as(i32, -1)), @intFromPtr(&mask), 8, flags);
}

/// Real and effective ids in one; on arm the 32-bit calls, since the short ones truncate.
pub fn setresuid(id: u32) usize {
    return linux.syscall3(if (@hasField(linux.SYS, "setresuid32")) .setresuid32 else .setresuid, id, id, id);
}

pub fn setresgid(id: u32) usize {
    return linux.syscall3(if (@hasField(linux.SYS, "setresgid32")) .setresgid32 else .setresgid, id, id, id);
}

pub fn setgroups(gids: []const u32) usize {
    const call = if (@hasField(linux.SYS, "setgroups32")) .setgroups32 else .setgroups;
    return linux.syscall2(call, gids.len, @intFromPtr(gids.ptr));
}

pub fn geteuid() u32 {
    const call = if (@hasField(linux.SYS, "geteuid32")) .geteuid32 else .geteuid;
    return @truncate(linux.syscall0(call));
}

pub fn getegid() u32 {
    const call = if (@hasField(linux.SYS, "getegid32")) .getegid32 else .getegid;
    return @truncate(linux.syscall0(call));
}

/// The calling process's group; 0 if its leader is outside of the pid namespace, or a filter refuses to tell.
pub fn getpgid() pid_t {
    return numberOf(linux.syscall1(.getpgid, 0));
}

/// The calling process's session; 0 likewise.
pub fn getsid() pid_t {
    return numberOf(linux.syscall1(.getsid, 0));
}

fn numberOf(result: usize) pid_t {
    return if (errnoOf(result) == 0) @intCast(result) else 0;
}

pub const TIOCGPGRP = 0x540f;
pub const TIOCSPGRP = 0x5410;
pub const TIOCGSID = 0x5429;

/// The number that a terminal tells (man 2 ioctl_tty): of its foreground group or its session. The kernel tells it only to
/// processes whose controlling terminal it is.
pub fn askTerminal(fd: fd_t, request: u32) ?pid_t {
    var number: pid_t = 0;
    return if (errnoOf(linux.ioctl(fd, request, @intFromPtr(&number))) == 0) number else null;
}

pub fn prctl(option: i32, value: usize) usize {
    return linux.prctl(option, value, 0, 0, 0);
}

pub fn prctlAmbient(operation: usize, capability: usize) usize {
    return linux.prctl(PR_CAP_AMBIENT, operation, capability, 0, 0);
}

pub const PR_SET_PDEATHSIG = 1;
pub const PR_SET_DUMPABLE = 4;
pub const PR_SET_KEEPCAPS = 8;
pub const PR_SET_CHILD_SUBREAPER = 36;
pub const PR_CAPBSET_READ = 23;
pub const PR_CAPBSET_DROP = 24;
pub const PR_CAP_AMBIENT = 47;
pub const PR_CAP_AMBIENT_IS_SET = 1;
pub const PR_CAP_AMBIENT_RAISE = 2;

/// man 2 umount.
pub const MNT_DETACH = 2;

/// `struct __user_cap_header_struct` and version 3 of its data.
const CapHeader = extern struct { version: u32, pid: i32 };
const CapData = extern struct { effective: u32, permitted: u32, inheritable: u32 };

comptime {
    std.debug.assert(@offsetOf(CapHeader, "pid") == 4);
    std.debug.assert(@sizeOf(CapData) == 12);
}

pub const CAP_SETGID = 6;

const cap_header: CapHeader = .{ .version = 0x20080522, .pid = 0 };

/// Sets of capabilities, bit n for capability n.
pub const Capabilities = struct { effective: u64, permitted: u64, inheritable: u64 };

/// The calling process's capabilities.
pub fn getCapabilities() Capabilities {
    var data: [2]CapData = @splat(.{ .effective = 0, .permitted = 0, .inheritable = 0 });
    _ = linux.syscall2(.capget, @intFromPtr(&cap_header), @intFromPtr(&data));
    return .{
        .effective = join(data[0].effective, data[1].effective),
        .permitted = join(data[0].permitted, data[1].permitted),
        .inheritable = join(data[0].inheritable, data[1].inheritable),
    };
}

pub fn setCapabilities(sets: Capabilities) usize {
    var data: [2]CapData = undefined;
    for (&data, [_]u6{ 0, 32 }) |*half, shift| half.* = .{
        .effective = @truncate(sets.effective >> shift),
        .permitted = @truncate(sets.permitted >> shift),
        .inheritable = @truncate(sets.inheritable >> shift),
    };
    return linux.syscall2(.capset, @intFromPtr(&cap_header), @intFromPtr(&data));
}

fn join(low: u32, high: u32) u64 {
    return @as(u64, high) << 32 | low;
}

/// st_dev as fstat(2) has it, from the two numbers of statx(2).
pub fn makeDevice(major: u32, minor: u32) u64 {
    const major_64: u64 = major;
    const minor_64: u64 = minor;
    return (major_64 & 0xfff) << 8 | (major_64 & ~@as(u64, 0xfff)) << 32 |
        (minor_64 & 0xff) | (minor_64 & ~@as(u64, 0xff)) << 12;
}

pub const Identity = struct { device: u64, inode: u64 };

/// What fstat(2) says of an open file's device and inode.
pub fn identify(fd: fd_t) ?Identity {
    var found: linux.Statx = undefined;
    if (errnoOf(linux.statx(fd, "", linux.AT.EMPTY_PATH, .{ .INO = true }, &found)) != 0) return null;
    return .{ .device = makeDevice(found.dev_major, found.dev_minor), .inode = found.ino };
}

/// Zero pages of the caller's own, page by page on first touch; null where the kernel refuses.
pub fn allocatePages(size: usize) ?[]align(std.heap.page_size_min) u8 {
    const result = linux.mmap(
        null,
        size,
        .{ .READ = true, .WRITE = true },
        .{ .TYPE = .PRIVATE, .ANONYMOUS = true },
        -1,
        0,
    );
    if (errnoOf(result) != 0) return null;
    const pointer: [*]align(std.heap.page_size_min) u8 = @ptrFromInt(result);
    return pointer[0..size];
}

pub noinline fn freePages(pages: []align(std.heap.page_size_min) u8) void {
    // It fails where the kernel has to split a mapping and has no memory for that: these stay then, which harms nobody.
    _ = linux.munmap(pages.ptr, pages.len);
}

/// Gives up what is in these pages, in a process that has copies of its parent's: the next read finds zeros (man 2 madvise).
/// Cheaper than writing zeros, for which the kernel would copy each page first.
pub noinline fn forgetPages(pages: []align(std.heap.page_size_min) u8) void {
    const result = std.os.linux.madvise(pages.ptr, pages.len, std.os.linux.MADV.DONTNEED);
    // A filter may refuse it.
    if (errnoOf(result) != 0) @memset(pages, 0);
}

/// Reads what a small file has: how much, or the error of open or read.
pub noinline fn readSmallFile(path: [*:0]const u8, buffer: []u8) usize {
    const opened = linux.openat(linux.AT.FDCWD, path, .{ .CLOEXEC = true }, 0);
    if (errnoOf(opened) != 0) return opened;
    const fd = asFd(opened);
    defer _ = linux.close(fd);
    return linux.read(fd, buffer.ptr, buffer.len);
}

test "a device number is the one that stat has" {
    try std.testing.expectEqual(@as(u64, 0x0801), makeDevice(8, 1));
    try std.testing.expectEqual(@as(u64, 14), makeDevice(0, 14));
    // A minor number of more than eight bits goes on above the major one.
    try std.testing.expectEqual(@as(u64, 0x100_801), makeDevice(8, 0x101));
}

test "errno of a result" {
    try std.testing.expectEqual(@as(u16, 0), errnoOf(0));
    try std.testing.expectEqual(@as(u16, 2), errnoOf(@bitCast(@as(isize, -2))));
    try std.testing.expectEqual(@as(u16, 0), errnoOf(@bitCast(@as(isize, -4096))));
}
