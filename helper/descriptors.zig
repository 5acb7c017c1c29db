//! The child's descriptors: first everything foreign is closed, later what the plan names is put into place.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const limits = @import("limits.zig");
const plans = @import("plan.zig");
const Call = @import("report.zig").Call;
const sys = @import("sys.zig");
const text = @import("text.zig");

const Plan = plans.Plan;

/// What the child has open to put at the plan's numbers: pipe ends, the client's descriptors and, however often it is wanted, /dev/null once for
/// each direction; and the report pipe, which must not be in the way.
pub const Sources = struct {
    report: sys.fd_t,
    null_read: sys.fd_t = -1,
    null_write: sys.fd_t = -1,
    /// By the index of the plan's descriptor; -1 for one that is neither pipe nor file nor the client's, or is at its place.
    own: [plans.descriptors_size_max]sys.fd_t = @splat(-1),

    fn of(sources: *const Sources, descriptor: plans.Descriptor, index: usize) sys.fd_t {
        return switch (descriptor.source) {
            .unspecified => unreachable,
            // Those that are the same as others are placed after all others.
            .inherit, .same => -1,
            .pipe_read, .pipe_write, .stream_read, .stream_write, .helper, .file => sources.own[index],
            .null_read => sources.null_read,
            .null_write => sources.null_write,
        };
    }

    /// It is at its place. Where few descriptors are allowed, this one may be needed.
    fn drop(sources: *Sources, index: usize) void {
        if (sources.own[index] < 0) return;
        sys.close(sources.own[index]);
        sources.own[index] = -1;
    }

    /// Gives way to whatever is put at `number` next. What moves takes the lowest free number, so that no number is
    /// needed but those that are asked for, and one for each source that is left.
    fn clear(sources: *Sources, number: sys.fd_t) void {
        sources.clearOne(&sources.report, number);
        sources.clearOne(&sources.null_read, number);
        sources.clearOne(&sources.null_write, number);
        for (&sources.own) |*fd| sources.clearOne(fd, number);
    }

    noinline fn clearOne(sources: *Sources, fd: *sys.fd_t, number: sys.fd_t) void {
        if (fd.* != number) return;
        const result = sys.fcntl(number, sys.F_DUPFD_CLOEXEC, 3);
        fd.* = sys.asFd(check(sources.report, number, .fcntl, result));
    }
};

const kept_max = plans.descriptors_size_max + limits.joins_max + 4;

/// Closes whatever the plan does not name: the copies of control socket, epoll and other commands' pipes that came with
/// clone. Close-on-exec would be too late, since a frozen command would keep another's pipe from ending.
pub fn closeForeign(plan: *const Plan) void {
    var buffer: [kept_max]sys.fd_t = undefined;
    // For the process that the joiner makes, to look at.
    const helper = if (plan.hasJoiner()) plan.host.pidfd else -1;
    closeAllBut(keptSorted(plan, &.{helper}, &buffer));
}

/// The same for a child that its joiner has made, with what that one has opened already.
pub fn closeForeignWith(plan: *const Plan, sources: *const Sources) void {
    var buffer: [kept_max]sys.fd_t = undefined;
    var opened: [plans.descriptors_size_max + 2]sys.fd_t = @splat(-1);
    opened[0] = sources.null_read;
    opened[1] = sources.null_write;
    // No other source of these is among the plan's own.
    for (plan.descriptors(), sources.own[0..plan.descriptors_count], opened[2..][0..plan.descriptors_count]) |descriptor, fd, *kept| {
        if (descriptor.source == .file) kept.* = fd;
    }
    closeAllBut(keptSorted(plan, &opened, &buffer));
}

/// Closes every descriptor above 2 but those of `kept`, which are in order.
pub fn closeAllBut(kept: []const sys.fd_t) void {
    closeAllButBy(linux.AT.FDCWD, "/proc/self/fd", kept);
}

/// The same, with the list of descriptors at another path.
pub noinline fn closeAllButBy(start: sys.fd_t, list: [*:0]const u8, kept: []const sys.fd_t) void {
    var first: sys.fd_t = 3;
    for (kept) |fd| {
        std.debug.assert(fd >= 3);
        if (fd > first and !closeGap(first, @intCast(fd - 1))) return closeOneByOne(start, list, kept);
        first = fd + 1;
    }
    if (!closeGap(first, std.math.maxInt(u32))) closeOneByOne(start, list, kept);
}

fn closeGap(first: sys.fd_t, last: u32) bool {
    return sys.errnoOf(sys.closeRange(first, last)) == 0;
}

fn keptSorted(plan: *const Plan, more: []const sys.fd_t, buffer: *[kept_max]sys.fd_t) []sys.fd_t {
    var count: usize = 0;
    for ([_][]const sys.fd_t{ &.{ plan.report, plan.go }, more }) |list| for (list) |fd| {
        if (fd >= 0) {
            buffer[count] = fd;
            count += 1;
        }
    };
    for (plan.descriptors()) |descriptor| {
        if (descriptor.fd >= 0) {
            buffer[count] = descriptor.fd;
            count += 1;
        }
    }
    for (plan.request.joins) |join| {
        if (join.helper_descriptor > 0) {
            buffer[count] = @intCast(join.helper_descriptor);
            count += 1;
        }
    }
    const kept = buffer[0..count];
    sort(kept);
    return kept;
}

/// A handful of numbers, in order but for one or two.
pub noinline fn sort(numbers: []sys.fd_t) void {
    for (1..@max(numbers.len, 1)) |end| {
        var at = end;
        while (at > 0 and numbers[at - 1] > numbers[at]) : (at -= 1) {
            std.mem.swap(sys.fd_t, &numbers[at - 1], &numbers[at]);
        }
    }
}

/// Before Linux 5.9, or where close_range is filtered: by the list, else by trying every number.
fn closeOneByOne(start: sys.fd_t, list: [*:0]const u8, kept: []const sys.fd_t) void {
    const opened = linux.openat(start, list, .{ .DIRECTORY = true, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return tryEach(3, std.math.maxInt(u32), kept);
    const directory = sys.asFd(opened);
    defer sys.close(directory);
    // The entries' positions are the numbers themselves, so that closing while reading misses none.
    var entries: [1024]u8 align(@alignOf(linux.dirent64)) = undefined;
    while (true) {
        const size = linux.getdents64(directory, &entries, entries.len);
        if (sys.errnoOf(size) != 0) return tryEach(3, std.math.maxInt(u32), kept);
        if (size == 0) return;
        var at: usize = 0;
        while (at < size) {
            const entry: *align(1) const linux.dirent64 = @ptrCast(&entries[at]);
            const name: [*:0]const u8 = @ptrCast(&entry.name);
            at += entry.reclen;
            const number = text.parseNumber(std.mem.span(name)) orelse continue;
            // The list of a joined mount namespace may be anybody's, and have names that are no descriptors.
            const fd = std.math.cast(sys.fd_t, number) orelse continue;
            if (fd > 2 and fd != directory) closeUnlessKept(fd, kept);
        }
    }
}

/// Closes every number of a range that may be in use.
noinline fn tryEach(first: u32, last: u32, kept: []const sys.fd_t) void {
    var limit: linux.rlimit = undefined;
    if (sys.errnoOf(linux.prlimit(0, .NOFILE, null, &limit)) != 0) return;
    var fd = first;
    while (fd <= last and fd < limit.cur and fd < std.math.maxInt(sys.fd_t)) : (fd += 1) closeUnlessKept(@intCast(fd), kept);
}

noinline fn closeUnlessKept(fd: sys.fd_t, kept: []const sys.fd_t) void {
    for (kept) |number| if (number == fd) return;
    sys.close(fd);
}

/// Opens files, and what the plan wants of /dev/null, while paths and rights are still those of the helper.
pub fn open(plan: *const Plan) Sources {
    var sources: Sources = .{ .report = plan.report };
    for (plan.descriptors(), 0..) |descriptor, index| switch (descriptor.source) {
        .unspecified => unreachable,
        .inherit, .same => {},
        .pipe_read, .pipe_write, .stream_read, .stream_write, .helper => sources.own[index] = descriptor.fd,
        .file => sources.own[index] = openFile(plan, index, false),
        .null_read => openNull(plan, descriptor.number, .RDONLY, &sources.null_read),
        .null_write => openNull(plan, descriptor.number, .WRONLY, &sources.null_write),
    };
    return sources;
}

/// Opens the files whose paths are as the program sees them.
pub fn openInside(plan: *const Plan, sources: *Sources) void {
    for (plan.descriptors(), 0..) |descriptor, index| {
        if (descriptor.source == .file and sources.own[index] < 0) sources.own[index] = openFile(plan, index, true);
    }
}

/// -1 if it is not opened now.
noinline fn openFile(plan: *const Plan, index: usize, inside: bool) sys.fd_t {
    // Those that were asked for have the first indexes.
    const asked = &plan.request.descriptors[index];
    const file = &asked.file.?;
    if (file.inside != inside) return -1;
    var flags: linux.O = .{
        .ACCMODE = if (!file.write) .RDONLY else if (file.read) .RDWR else .WRONLY,
        .APPEND = file.append,
        .CREAT = file.create,
        .TRUNC = file.truncate,
        // A terminal must not become the controlling one of a session that the program leads.
        .NOCTTY = true,
        .CLOEXEC = true,
    };
    // Where a file offset has 32 bits otherwise.
    if (@hasField(linux.O, "LARGEFILE")) flags.LARGEFILE = true;
    const result = linux.openat(linux.AT.FDCWD, file.path, flags, file.mode);
    return sys.asFd(child.check(plan.report, result, .{
        .stage = .stdio_error,
        .call = .open,
        .item = .file,
        .index = asked.number,
    }));
}

fn openNull(plan: *const Plan, number: sys.fd_t, mode: std.posix.ACCMODE, fd: *sys.fd_t) void {
    if (fd.* >= 0) return;
    const result = linux.openat(linux.AT.FDCWD, "/dev/null", .{ .ACCMODE = mode, .CLOEXEC = true }, 0);
    fd.* = sys.asFd(check(plan.report, number, .open, result));
}

noinline fn check(report: sys.fd_t, number: sys.fd_t, call: Call, result: usize) usize {
    return child.check(report, result, .{
        .stage = .stdio_error,
        .call = call,
        .item = .descriptor,
        .index = @intCast(number),
    });
}

/// Puts every source at its number. Returns where the report pipe is now: at none of these.
pub fn place(plan: *const Plan, sources: *Sources) sys.fd_t {
    for (plan.descriptors(), 0..) |descriptor, index| {
        const number = descriptor.number;
        const source = sources.of(descriptor, index);
        if (source < 0) continue;
        if (source == number) {
            // dup3 refuses that. What else it is the source of, needs a copy.
            if (sources.own[index] == number) sources.own[index] = -1 else sources.clear(number);
            _ = check(sources.report, number, .fcntl, sys.fcntl(number, sys.F_SETFD, 0));
            continue;
        }
        sources.clear(number);
        _ = check(sources.report, number, .dup3, linux.dup3(sources.of(descriptor, index), number, 0));
        sources.drop(index);
    }
    for (plan.descriptors()) |descriptor| {
        if (descriptor.source != .same) continue;
        const number = descriptor.number;
        sources.clear(number);
        _ = check(sources.report, number, .dup3, linux.dup3(descriptor.same_as, number, 0));
    }
    return sources.report;
}

/// Closes what `close_descriptors` asks for, but for the plan's own numbers and the report pipe.
pub fn closeRanges(plan: *const Plan, report: sys.fd_t) void {
    for (plan.request.close_descriptors) |range| {
        var first = range.first;
        while (first <= range.last) {
            const kept = nextKept(plan, report, first);
            const last = if (kept) |number| @min(range.last, number -| 1) else range.last;
            if (first <= last and kept != first) closeNumbers(first, last);
            const number = kept orelse break;
            if (number >= range.last) break;
            first = number + 1;
        }
    }
}

/// The lowest number from `first` on that stays open.
fn nextKept(plan: *const Plan, report: sys.fd_t, first: u32) ?u32 {
    var found: ?u32 = if (report >= first) @intCast(report) else null;
    for (plan.descriptors()) |descriptor| {
        const number: u32 = @intCast(descriptor.number);
        if (number >= first and number < found orelse std.math.maxInt(u32)) found = number;
    }
    return found;
}

fn closeNumbers(first: u32, last: u32) void {
    if (closeGap(@intCast(@min(first, std.math.maxInt(i32))), last)) return;
    tryEach(first, last, &.{});
}
