//! The helper's own descriptors 0, 1 and 2, which are there for children to inherit, and what the client has at the same numbers.
//!
//! O_NONBLOCK belongs to the open file description, which client and program share (man 2 fcntl). Few programs expect it of
//! their standard descriptors, and a client that made its own non-blocking relies on it. So it is cleared only for commands
//! that share such a descriptor, and set again after the last of them.
const commands = @import("commands.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");
const linux = sys.linux;

/// They are the only ones for a command that there will be just one of.
pub var is_for_one = false;

/// One that is closed becomes /dev/null: what is opened later would have its number, and children would inherit that.
pub fn ensure() void {
    for (0..3) |fd| {
        if (sys.errnoOf(sys.fcntl(@intCast(fd), sys.F_GETFD, 0)) == 0) continue;
        // The lowest free number is this one.
        _ = linux.openat(linux.AT.FDCWD, "/dev/null", .{ .ACCMODE = .RDWR }, 0);
    }
}

/// Moves to 0, 1 and 2 what the client has put elsewhere, from `first` on: the bits of `moved` say which ones it has put there.
/// libuv would clear O_NONBLOCK of what a process gets as 0, 1 or 2 (uv__process_child_init in src/unix/process.c).
pub fn take(moved: u3, first: sys.fd_t) void {
    var from = first;
    for (0..3) |number| {
        if (moved >> @intCast(number) & 1 == 0) continue;
        // Fails if it was moved before this process became a sealed copy of itself: then it is in place.
        if (sys.errnoOf(linux.dup3(from, @intCast(number), 0)) == 0) _ = linux.close(from);
        from += 1;
    }
}

/// Sets O_NONBLOCK of those whose bits are set in `mask`.
pub fn restore(mask: u3) void {
    for (0..3) |number| {
        if (mask >> @intCast(number) & 1 != 0) setNonblocking(@intCast(number));
    }
}

noinline fn setNonblocking(fd: sys.fd_t) void {
    const flags = sys.fcntl(fd, sys.F_GETFL, 0);
    if (sys.errnoOf(flags) == 0) _ = sys.fcntl(fd, sys.F_SETFL, flags | sys.open_nonblock);
}

/// The command has its copies. Some may be pipes to the client, which would not end as long as they are open here too.
pub fn release() void {
    for (0..3) |fd| _ = linux.close(@intCast(fd));
    ensure();
}

/// Commands that live and share a standard descriptor with the client.
var borrowers: usize = 0;
/// Copies of the descriptors whose O_NONBLOCK was cleared for them, by their number in the program; -1 for the others.
var cleared: [3]sys.fd_t = @splat(-1);

/// As at the start, for the fuzz program.
pub fn reset() void {
    borrowers = 0;
    cleared = @splat(-1);
}

/// Clears O_NONBLOCK of what `plan` has at 0, 1 and 2 and has not made itself.
pub fn lend(command: *commands.Command, plan: *const Plan) void {
    for (plan.descriptors()) |*at| {
        if (at.number > 2) continue;
        const descriptor = plan.originalOf(at);
        const is_clients = descriptor.source == .inherit or descriptor.is_clients;
        if (!is_clients and descriptor.source != .helper) continue;
        if (is_clients and !command.borrows) {
            command.borrows = true;
            borrowers += 1;
        }
        const fd = if (descriptor.source == .inherit) descriptor.number else descriptor.fd;
        const flags = sys.fcntl(fd, sys.F_GETFL, 0);
        if (sys.errnoOf(flags) != 0 or flags & sys.open_nonblock == 0) continue;
        _ = sys.fcntl(fd, sys.F_SETFL, flags & ~@as(usize, sys.open_nonblock));
        const copy = &cleared[@intCast(at.number)];
        // Nothing of the runtime's pipes may stay here: their ends would not be seen.
        if (!is_clients or copy.* >= 0) continue;
        const made = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 3);
        if (sys.errnoOf(made) == 0) copy.* = sys.asFd(made);
    }
}

/// All processes of the command were reaped.
pub fn takeBack(command: *commands.Command) void {
    if (!command.borrows) return;
    command.borrows = false;
    borrowers -= 1;
    // Two numbers may be the same description, as after `2>&1`: all wait for the last command.
    if (borrowers > 0) return;
    for (&cleared) |*copy| {
        if (copy.* < 0) continue;
        setNonblocking(copy.*);
        sys.close(copy.*);
        copy.* = -1;
    }
}
