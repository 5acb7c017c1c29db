//! The child's descriptors: first everything foreign is closed, later what the plan names is put into place.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const plans = @import("plan.zig");
const Call = @import("report.zig").Call;
const sys = @import("sys.zig");

const Plan = plans.Plan;

/// Where each of the plan's descriptors comes from, by its index; -1 for an inherited one, which stays where it is.
pub const Sources = [plans.descriptors_size_max]sys.fd_t;

const kept_max = plans.descriptors_size_max + 2;

/// Closes whatever the plan does not name: the copies of control socket, epoll and other commands' pipes that came with
/// clone. Close-on-exec would be too late, since a frozen command would keep another's pipe from ending.
pub fn closeForeign(plan: *const Plan) void {
    var buffer: [kept_max]sys.fd_t = undefined;
    closeAllBut(keptSorted(plan, &buffer));
}

/// Closes every descriptor above 2 but those of `kept`, which are in order.
pub fn closeAllBut(kept: []const sys.fd_t) void {
    var first: sys.fd_t = 3;
    for (kept) |fd| {
        std.debug.assert(fd >= 3);
        if (fd > first and !closeGap(first, @intCast(fd - 1))) return closeOneByOne(kept);
        first = fd + 1;
    }
    if (!closeGap(first, std.math.maxInt(u32))) closeOneByOne(kept);
}

fn closeGap(first: sys.fd_t, last: u32) bool {
    return sys.errnoOf(sys.closeRange(first, last)) == 0;
}

fn keptSorted(plan: *const Plan, buffer: *[kept_max]sys.fd_t) []sys.fd_t {
    var count: usize = 0;
    for ([_]sys.fd_t{ plan.report, plan.go }) |fd| {
        if (fd >= 0) {
            buffer[count] = fd;
            count += 1;
        }
    }
    for (plan.descriptors()) |descriptor| {
        if (descriptor.fd >= 0) {
            buffer[count] = descriptor.fd;
            count += 1;
        }
    }
    const kept = buffer[0..count];
    // A handful of numbers, in order but for one or two.
    for (1..@max(count, 1)) |end| {
        var at = end;
        while (at > 0 and kept[at - 1] > kept[at]) : (at -= 1) std.mem.swap(sys.fd_t, &kept[at - 1], &kept[at]);
    }
    return kept;
}

/// Before Linux 5.9, or where close_range is filtered: by the list in /proc, else by trying every number.
fn closeOneByOne(kept: []const sys.fd_t) void {
    const opened = linux.openat(linux.AT.FDCWD, "/proc/self/fd", .{ .DIRECTORY = true, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) {
        var limit: linux.rlimit = undefined;
        if (sys.errnoOf(linux.prlimit(0, .NOFILE, null, &limit)) != 0) return;
        var fd: sys.fd_t = 3;
        while (fd < limit.cur and fd < std.math.maxInt(sys.fd_t)) : (fd += 1) closeUnlessKept(fd, kept);
        return;
    }
    const directory = sys.asFd(opened);
    defer sys.close(directory);
    // The entries' positions are the numbers themselves, so that closing while reading misses none.
    var entries: [1024]u8 align(@alignOf(linux.dirent64)) = undefined;
    while (true) {
        const size = linux.getdents64(directory, &entries, entries.len);
        if (sys.errnoOf(size) != 0 or size == 0) return;
        var at: usize = 0;
        while (at < size) {
            const entry: *align(1) const linux.dirent64 = @ptrCast(&entries[at]);
            const name: [*:0]const u8 = @ptrCast(&entry.name);
            at += entry.reclen;
            const fd = std.fmt.parseInt(sys.fd_t, std.mem.span(name), 10) catch continue;
            if (fd > 2 and fd != directory) closeUnlessKept(fd, kept);
        }
    }
}

fn closeUnlessKept(fd: sys.fd_t, kept: []const sys.fd_t) void {
    if (std.mem.indexOfScalar(sys.fd_t, kept, fd) == null) sys.close(fd);
}

/// Opens what the plan wants of /dev/null, while the path still means the helper's root.
pub fn open(plan: *const Plan, sources: *Sources) void {
    for (plan.descriptors(), sources[0..plan.descriptors_count]) |descriptor, *source| {
        source.* = switch (descriptor.source) {
            .unspecified => unreachable,
            .inherit => -1,
            .pipe_read, .pipe_write => descriptor.fd,
            .null_read => openNull(plan, descriptor.number, .RDONLY),
            .null_write => openNull(plan, descriptor.number, .WRONLY),
        };
    }
}

fn openNull(plan: *const Plan, number: sys.fd_t, mode: std.posix.ACCMODE) sys.fd_t {
    const result = linux.openat(linux.AT.FDCWD, "/dev/null", .{ .ACCMODE = mode, .CLOEXEC = true }, 0);
    return sys.asFd(check(plan.report, number, .open, result));
}

fn check(report: sys.fd_t, number: sys.fd_t, call: Call, result: usize) usize {
    return child.check(report, result, .{
        .stage = .stdio_error,
        .call = call,
        .item = .descriptor,
        .index = @intCast(number),
    });
}

/// Puts every source at its number. The report pipe and sources first go above every number that was asked for, so
/// that none is overwritten before its turn. Returns where the report pipe is now.
pub fn place(plan: *const Plan, sources: *Sources) sys.fd_t {
    var highest: sys.fd_t = 2;
    for (plan.descriptors()) |descriptor| highest = @max(highest, descriptor.number);
    const report = lift(plan.report, highest, plan.report, highest);
    for (plan.descriptors(), sources[0..plan.descriptors_count]) |descriptor, *source| {
        if (source.* >= 0) source.* = lift(source.*, highest, report, descriptor.number);
    }
    for (plan.descriptors(), sources[0..plan.descriptors_count]) |descriptor, source| {
        if (source < 0) {
            clearNonblocking(descriptor.number);
        } else _ = check(report, descriptor.number, .dup3, linux.dup3(source, descriptor.number, 0));
    }
    return report;
}

fn lift(fd: sys.fd_t, highest: sys.fd_t, report: sys.fd_t, number: sys.fd_t) sys.fd_t {
    if (fd > highest) return fd;
    const result = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, @as(usize, @intCast(highest)) + 1);
    return sys.asFd(check(report, number, .fcntl, result));
}

/// The runtime may have made the descriptions that it shares with us non-blocking, which few programs expect of their
/// standard descriptors.
fn clearNonblocking(fd: sys.fd_t) void {
    const flags = sys.fcntl(fd, sys.F_GETFL, 0);
    if (sys.errnoOf(flags) != 0) return;
    if (flags & sys.open_nonblock != 0) _ = sys.fcntl(fd, sys.F_SETFL, flags & ~@as(usize, sys.open_nonblock));
}
