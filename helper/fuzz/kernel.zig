//! The kernel as the helper meets it in the fuzz program: the names of std.os.linux that the helper's own process uses, over
//! a world (world.zig) in which descriptors, pipes and processes are entries of tables. Nothing outside of it is touched, no
//! process is started and none is signalled: a call that is not here does not compile.
const std = @import("std");
const real = std.os.linux;
const world = @import("world.zig");

pub const AT = real.AT;
pub const CLOCK = real.CLOCK;
pub const CLONE = real.CLONE;
pub const E = real.E;
pub const EPOLL = real.EPOLL;
pub const MFD = real.MFD;
pub const MSG = real.MSG;
pub const O = real.O;
pub const P = real.P;
pub const POLL = real.POLL;
pub const SFD = real.SFD;
pub const SIG = real.SIG;
pub const SYS = real.SYS;
pub const Statx = real.Statx;
pub const W = real.W;
pub const epoll_event = real.epoll_event;
pub const fd_t = real.fd_t;
pub const k_sigaction = real.k_sigaction;
pub const pid_t = real.pid_t;
pub const pollfd = real.pollfd;
pub const rlimit = real.rlimit;
pub const signalfd_siginfo = real.signalfd_siginfo;
pub const timespec = real.timespec;

// Memory is real.
pub const mmap = real.mmap;
pub const munmap = real.munmap;
pub const mprotect = real.mprotect;

pub const own_pid = 1;

pub fn failure(e: E) usize {
    return @bitCast(-@as(isize, @intFromEnum(e)));
}

pub fn getpid() pid_t {
    return own_pid;
}

pub fn getppid() pid_t {
    return 0;
}

pub fn setpgid(_: pid_t, _: pid_t) usize {
    return if (world.fails()) failure(.PERM) else 0;
}

/// Of a terminal.
pub fn ioctl(fd: fd_t, request: u32, argument: usize) usize {
    return world.controlTerminal(fd, request, @ptrFromInt(argument));
}

pub fn recvfrom(fd: fd_t, buffer: [*]u8, size: usize, _: u32, _: ?*anyopaque, _: ?*anyopaque) usize {
    return world.receive(fd, buffer[0..size]);
}

pub fn sendto(fd: fd_t, bytes: [*]const u8, size: usize, _: u32, _: ?*anyopaque, _: u32) usize {
    return world.send(fd, bytes[0..size]);
}

pub fn read(fd: fd_t, buffer: [*]u8, size: usize) usize {
    return world.read(fd, buffer[0..size]);
}

pub fn write(fd: fd_t, bytes: [*]const u8, size: usize) usize {
    return world.write(fd, bytes[0..size]);
}

pub fn close(fd: fd_t) usize {
    world.close(fd);
    return 0;
}

pub fn openat(directory: fd_t, path: [*:0]const u8, _: O, _: u32) usize {
    return world.open(directory, std.mem.span(path));
}

pub fn memfd_create(_: [*:0]const u8, _: u32) usize {
    if (world.fails()) return failure(if (world.chance(2)) .INVAL else .MFILE);
    return world.openAs(.memory);
}

pub fn sendfile(to: fd_t, from: fd_t, _: ?*i64, size: usize) usize {
    world.expect(world.isOpenAs(@intCast(to), .memory), "a copy of the input in what is no memory");
    world.expect(world.isOpenAs(@intCast(from), .kept), "a copy of what is not the client's");
    if (world.fails()) return failure(.NOSPC);
    return if (world.chance(2)) 0 else size;
}

pub fn fallocate(fd: fd_t, _: i32, _: i64, _: i64) usize {
    world.expectOpen(fd);
    return 0;
}

pub fn pipe2(ends: *[2]fd_t, flags: O) usize {
    return world.makePipe(ends, flags.NONBLOCK);
}

pub fn poll(waiting: [*]pollfd, count: usize, _: i32) usize {
    for (waiting[0..count]) |one| world.expectOpen(one.fd);
    return count;
}

pub fn statx(fd: fd_t, path: [*:0]const u8, flags: u32, _: anytype, found: *Statx) usize {
    world.expect(path[0] == 0 and flags == AT.EMPTY_PATH, "statx of a path");
    found.* = std.mem.zeroes(Statx);
    found.ino = world.inodeOf(fd);
    return 0;
}

pub fn epoll_create1(_: usize) usize {
    return world.openAs(.epoll);
}

pub fn epoll_ctl(_: fd_t, operation: u32, fd: fd_t, event: ?*epoll_event) usize {
    return switch (operation) {
        EPOLL.CTL_ADD => world.watch(fd, event.?.*),
        EPOLL.CTL_DEL => world.unwatch(fd),
        EPOLL.CTL_MOD => world.rewatch(fd, event.?.*),
        else => world.bug("epoll_ctl with another operation"),
    };
}

pub fn epoll_wait(_: fd_t, events: [*]epoll_event, count: u32, timeout: i32) usize {
    return world.wait(events[0..count], timeout);
}

pub fn kill(pid: pid_t, signal: SIG) usize {
    return world.kill(pid, @intFromEnum(signal));
}

/// A child that shares memory.
pub fn clone(_: anytype, _: usize, flags: u32, argument: usize, _: anytype, _: usize, _: anytype) usize {
    world.expect(flags & CLONE.VM != 0, "clone without CLONE_VM");
    return world.clone(argument, flags);
}

pub fn prctl(_: i32, _: usize, _: usize, _: usize, _: usize) usize {
    return if (world.fails()) failure(.INVAL) else 0;
}

pub fn prlimit(_: pid_t, _: anytype, _: ?*const rlimit, _: ?*rlimit) usize {
    return 0;
}

pub fn exit_group(_: i32) noreturn {
    world.bug("exit_group");
}

pub fn syscall0(_: SYS) usize {
    world.bug("a call that only children make");
}

pub fn syscall1(_: SYS, _: usize) usize {
    world.bug("a call that only children make");
}

pub fn syscall2(call: SYS, first: usize, second: usize) usize {
    switch (call) {
        .kill => {
            world.expect(second == 0, "kill by another way");
            return world.lookForGroup(-@as(pid_t, @intCast(@as(isize, @bitCast(first)))));
        },
        .clone3 => {
            const Args = @import("../sys.zig").CloneArgs;
            world.expect(second == @sizeOf(Args), "clone3 with another size");
            const args: *const Args = @ptrFromInt(first);
            return world.cloneLikeFork(args.flags);
        },
        .capget => return 0,
        .clock_gettime => {
            const time: *timespec = @ptrFromInt(second);
            const ms = world.now();
            time.* = .{ .sec = @intCast(ms / 1000), .nsec = @intCast(ms % 1000 * 1_000_000) };
            return 0;
        },
        else => world.bug("a call that only children make"),
    }
}

pub fn syscall3(call: SYS, first: usize, second: usize, third: usize) usize {
    if (call == .ioctl) {
        const size: *i32 = @ptrFromInt(third);
        size.* = world.readableSize(@intCast(first));
        return 0;
    }
    if (call == .lseek) {
        world.expectOpen(@intCast(first));
        return 0;
    }
    if (call != .fcntl) world.bug("a call that only children make");
    return world.fcntl(@truncate(@as(isize, @bitCast(first))), second, third);
}

pub fn syscall4(call: SYS, first: usize, second: usize, _: usize, fourth: usize) usize {
    return switch (call) {
        .wait4 => world.wait4(@intCast(@as(isize, @bitCast(first))), @ptrFromInt(second), @ptrFromInt(fourth)),
        .signalfd4 => world.openAs(.signal),
        else => world.bug("a call that only children make"),
    };
}

pub fn syscall5(call: SYS, first: usize, second: usize, third: usize, _: usize, _: usize) usize {
    return switch (call) {
        .clone => world.cloneLikeFork(first & ~@as(usize, 0xff)),
        // Its first number is all that is looked at.
        .waitid => world.lookAt(@intCast(second), @ptrFromInt(third)),
        else => world.bug("a call that only children make"),
    };
}

pub fn syscall6(call: SYS, from: usize, _: usize, to: usize, _: usize, size: usize, _: usize) usize {
    if (call != .splice) world.bug("a call that only children make");
    return world.splice(@intCast(from), @intCast(to), size);
}
