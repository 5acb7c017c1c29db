//! A process that runs the programs which write id maps, newuidmap and newgidmap, so that the helper does not wait for
//! them. It leads a process group, by which both can be ended, and it reports like a command's child.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const descriptors = @import("descriptors.zig");
const directory = @import("directory.zig");
const forgetOthers = @import("launch.zig").forgetOthers;
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const report = @import("report.zig");
const signals = @import("signals.zig");
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;
const number_size_max = @import("text.zig").number_size_max;

const SIGCHLD = @intFromEnum(linux.SIG.CHLD);

/// What the helper has opened for it: whose maps to write comes in by `pid`, as four bytes.
pub const Ends = struct { pid: sys.fd_t, stderr: sys.fd_t };

/// The runner's pid, or the error of clone.
pub fn launch(plan: *Plan, ends: Ends) usize {
    const result = fork(plan);
    if (result == 0) {
        forgetOthers(plan);
        run(plan, ends);
    }
    return result;
}

fn fork(plan: *const Plan) usize {
    return sys.cloneLikeFork(plan.host.has_clone3, 0, SIGCHLD);
}

noinline fn run(plan: *const Plan, ends: Ends) noreturn {
    child.beginUnorphaned(plan.report);
    child.checkParent(plan.host);
    var kept = [_]sys.fd_t{ plan.report, ends.pid, ends.stderr };
    descriptors.sort(&kept);
    descriptors.closeAllBut(&kept);
    _ = linux.setpgid(0, 0);
    directory.enterByPath(plan);
    const pid = awaitPid(ends.pid);
    const opened = linux.openat(linux.AT.FDCWD, "/dev/null", .{ .ACCMODE = .RDWR, .CLOEXEC = true }, 0);
    const null_fd = sys.asFd(check(plan, opened, .open));
    for ([_]sys.fd_t{ null_fd, null_fd, ends.stderr }, 0..) |source, number| {
        _ = check(plan, linux.dup3(source, @intCast(number), 0), .dup3);
    }
    const programs = plan.request.id_map_commands.?;
    runOne(plan, programs.newuidmap, .newuidmap, plan.request.uid_maps, pid);
    runOne(plan, programs.newgidmap, .newgidmap, plan.request.gid_maps, pid);
    linux.exit_group(0);
}

noinline fn check(plan: *const Plan, result: usize, call: report.Call) usize {
    return child.check(plan.report, result, .{ .stage = .set_id_map, .call = call });
}

fn awaitPid(fd: sys.fd_t) u32 {
    var pid: u32 = 0;
    while (true) {
        const count = linux.read(fd, std.mem.asBytes(&pid), @sizeOf(u32));
        if (sys.isError(count, .INTR)) continue;
        // End of file: the helper is gone or has given this command up.
        if (count != @sizeOf(u32)) linux.exit_group(1);
        return pid;
    }
}

fn runOne(plan: *const Plan, program: [:0]const u8, item: messages.Item, maps: []const messages.IdMap, pid: u32) void {
    if (maps.len == 0) return;
    const arguments = argumentsFor(program, maps, pid);
    const forked = fork(plan);
    if (forked == 0) exec(plan, program, item, arguments);
    const runner_failed: report.Failure = .{ .stage = .set_id_map, .call = .clone, .item = item };
    const program_pid: sys.pid_t = @intCast(child.check(plan.report, forked, runner_failed));
    var status: u32 = 0;
    while (sys.isError(linux.wait4(program_pid, &status, 0, null), .INTR)) {}
    if (status == 0) return;
    // After the record of an execve that failed, this is not looked at.
    child.fail(plan.report, .{
        .stage = if (status & 0x7f == 0) .aux_command_exited else .aux_command_killed,
        .item = item,
        .index = status,
    });
}

fn exec(plan: *const Plan, program: [:0]const u8, item: messages.Item, arguments: [*:null]const ?[*:0]const u8) noreturn {
    child.beginUnorphaned(plan.report);
    signals.restoreDefaults(plan, plan.report);
    const environment: [*:null]const ?[*:0]const u8 = &.{};
    const result = linux.execve(program, arguments, environment);
    child.fail(plan.report, .{ .stage = .set_id_map, .call = .execve, .item = item, .errno = sys.errnoOf(result) });
}

const numbers_max = 1 + 3 * limits.id_map_rows_max;
const text_size_max = number_size_max + 1;

/// This process has copies of its own of both.
var texts: [numbers_max * text_size_max]u8 = undefined;
var pointers: [numbers_max + 2]?[*:0]const u8 = undefined;

/// `PROGRAM PID INSIDE OUTSIDE COUNT …`, man 1 newuidmap.
fn argumentsFor(program: [:0]const u8, maps: []const messages.IdMap, pid: u32) [*:null]const ?[*:0]const u8 {
    var size: usize = 0;
    pointers[0] = program;
    pointers[1] = format(pid, &size);
    for (maps, 0..) |row, index| {
        for ([_]u32{ row.inside, row.outside, row.count }, 0..) |value, column| {
            pointers[2 + 3 * index + column] = format(value, &size);
        }
    }
    pointers[2 + 3 * maps.len] = null;
    return @ptrCast(&pointers);
}

/// There is room for the largest number, as often as there can be one.
fn format(value: u32, size: *usize) [*:0]const u8 {
    var text: Text = .{ .buffer = texts[size.*..] };
    text.addNumber(value);
    size.* += text.size + 1;
    return text.end();
}

test "the arguments of newuidmap" {
    const rows = [_]messages.IdMap{
        .{ .inside = 0, .outside = 1000, .count = 1 },
        .{ .inside = 1, .outside = 100_000, .count = 65_536 },
    };
    const arguments = std.mem.span(argumentsFor("/usr/bin/newuidmap", &rows, 77));
    const expected = [_][]const u8{ "/usr/bin/newuidmap", "77", "0", "1000", "1", "1", "100000", "65536" };
    try std.testing.expectEqual(expected.len, arguments.len);
    for (expected, arguments) |text, argument| try std.testing.expectEqualStrings(text, std.mem.span(argument.?));
}
