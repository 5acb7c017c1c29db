//! What the client is told of its commands.
const std = @import("std");
const linux = std.os.linux;
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const Refusal = @import("plan.zig").Refusal;
const Failure = @import("report.zig").Failure;
const streams = @import("streams.zig");
const sys = @import("sys.zig");

pub fn spawned(command: *commands.Command) void {
    var pipes: [limits.descriptors_max]messages.Pipe = undefined;
    var count: usize = 0;
    var iterator = commands.pipesOf(command);
    while (iterator.next()) |pipe| : (count += 1) {
        // Only a kernel without statx, older than any this is meant for, knows no identity; the client then refuses it.
        const identity = sys.identify(pipe.end) orelse sys.Identity{ .device = 0, .inode = 0 };
        pipes[count] = .{
            .number = @intCast(pipe.number),
            .helper_descriptor = @intCast(pipe.end),
            .device = identity.device,
            .inode = identity.inode,
        };
    }
    var told: [limits.descriptors_max]messages.Stream = undefined;
    const begun = streams.begin(command, &told);
    connection.send("spawned", &.{
        .command = command.id,
        // It may have been reaped already.
        .pid = @intCast(command.child_pid),
        .pipes = pipes[0..count],
        .streams = begun,
    });
    streams.start(begun);
}

pub noinline fn failed(id: u32, failure: Failure) void {
    connection.send("spawn_failed", &.{
        .command = id,
        .stage = failure.stage,
        .errno = failure.errno,
        .syscall = if (failure.call == .none) "" else @tagName(failure.call),
        .item = failure.item,
        .index = failure.index,
        .signal = failure.signal,
        .detail = failure.detail.text(),
    });
}

pub noinline fn refused(id: u32, refusal: Refusal) void {
    connection.send("spawn_failed", &.{
        .command = id,
        .stage = refusal.stage,
        .item = refusal.item,
        .index = refusal.index,
        .detail = refusal.detail,
    });
}

/// An id map command has failed: `usage` is that of the process that ran it, and `stderr` what it wrote.
pub fn mapCommandFailed(id: u32, failure: Failure, usage: *const sys.Rusage, stderr: []u8) void {
    std.debug.assert(stderr.len <= limits.map_command_stderr_size_max);
    connection.send("spawn_failed", &.{
        .command = id,
        .stage = failure.stage,
        .item = failure.item,
        .exit_status = exitStatus(failure.index, usage),
        .stderr = stderr,
    });
}

pub fn frozen(command: *const commands.Command) void {
    connection.send("frozen", &.{ .command = command.id, .pid = @intCast(command.pid) });
}

/// `id` is 0, here and in what follows, for an orphan that was adopted.
pub noinline fn died(id: u32, pid: sys.pid_t, status: u32, usage: *const sys.Rusage) void {
    connection.send("died", &.{ .command = id, .exit_status = exitStatus(status, usage), .pid = @intCast(pid) });
}

pub noinline fn stopped(id: u32, pid: sys.pid_t, signal: u8) void {
    connection.send("stopped", &.{ .command = id, .pid = @intCast(pid), .signal = signal });
}

pub noinline fn continued(id: u32, pid: sys.pid_t) void {
    connection.send("continued", &.{ .command = id, .pid = @intCast(pid) });
}

/// A stream that the program reads from has ended.
pub noinline fn streamClosed(command: u32, stream: u32, errno: u16) void {
    connection.send("close_stream", &.{ .command = command, .stream = stream, .errno = errno });
}

/// The program's pipe has taken so many bytes of the client's.
pub fn streamCredit(command: u32, stream: u32, size: u32) void {
    connection.send("stream_credit", &.{ .command = command, .stream = stream, .size = size });
}

pub fn reaped(request: u32) void {
    connection.send("reaped", &.{ .request = request });
}

pub fn limitReached(limit: messages.RunLimit) void {
    connection.send("limit_reached", &.{ .limit = limit });
}

/// What wait4 has told.
fn exitStatus(status: u32, usage: *const sys.Rusage) messages.ExitStatus {
    const signal = status & 0x7f;
    return .{
        .exit_code = if (signal == 0) status >> 8 & 0xff else 0,
        .signal = signal,
        .core_dumped = status & 0x80 != 0,
        .resource_usage = .{
            .user_time_us = microseconds(usage.user_s, usage.user_us),
            .system_time_us = microseconds(usage.system_s, usage.system_us),
            .max_resident_kib = positive(usage.max_resident_kib),
            .minor_faults = positive(usage.minor_faults),
            .major_faults = positive(usage.major_faults),
            .blocks_in = positive(usage.blocks_in),
            .blocks_out = positive(usage.blocks_out),
            .voluntary_switches = positive(usage.voluntary_switches),
            .involuntary_switches = positive(usage.involuntary_switches),
        },
    };
}

pub noinline fn signalResult(request: u32, errno: u16) void {
    connection.send("signal_result", &.{ .request = request, .errno = errno });
}

fn microseconds(seconds: isize, rest: isize) u64 {
    return positive(seconds) * std.time.us_per_s + positive(rest);
}

fn positive(value: isize) u64 {
    return @intCast(@max(value, 0));
}
