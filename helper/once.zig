//! A run for one command: the client waits in a synchronous call. The messages of both sides are in one file instead of a
//! socket; what the program writes to its pipes goes on to the client through the helper's own descriptors 1 and 2, since a
//! client that waits cannot open pipes; and the helper watches over time and size, since not every runtime does.
const std = @import("std");
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const messages = @import("messages.zig");
const die = @import("panic.zig").die;
const progress = @import("progress.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

/// Whether this process is one.
pub var active = false;

var run_limits: messages.RunLimits = .{};
/// The signal goes to the program's process group.
var kill_group = false;
/// Of CLOCK_MONOTONIC, or 0.
var deadline_ms: u64 = 0;
/// The one command, once it was asked for.
var command_index: ?commands.Index = null;
/// A limit was reached: nothing is handed on any more.
var given_up = false;
/// Of CLOCK_MONOTONIC: when SIGKILL follows `kill_signal`. Known from that on; null before, and once it was sent.
var force_kill_ms: ?u64 = null;
/// Of CLOCK_MONOTONIC: when the pipes are let go though others have them open. Known from the end of the command on.
var drain_deadline_ms: ?u64 = null;
/// It has come: what is in the pipes is handed on, and no more.
var letting_go = false;

/// One of the program's pipes, and how much of it may still be handed on.
const Output = struct {
    reader: sys.fd_t = -1,
    room: u64 = 0,
    /// What was in the pipe when it was let go, and was not handed on yet.
    left: u64 = 0,
};

/// At 1 and 2 in the program, and here.
var outputs: [2]Output = @splat(.{});

/// As at the start, for the fuzz program.
pub fn reset() void {
    active = false;
    run_limits = .{};
    kill_group = false;
    deadline_ms = 0;
    command_index = null;
    given_up = false;
    force_kill_ms = null;
    drain_deadline_ms = null;
    letting_go = false;
    outputs = @splat(.{});
}

/// `client` is the process that waits. It has no socket whose end would tell of its death, and its thread does nothing else
/// meanwhile: so a death signal does.
pub fn prepare(client: u32) void {
    active = true;
    _ = sys.prctl(sys.PR_SET_PDEATHSIG, @intFromEnum(linux.SIG.KILL));
    if (linux.getppid() != client) die("its client is gone", 1);
}

/// Called before the command is started; `null` where the message has none.
pub fn begin(asked: ?messages.RunLimits, of_group: bool) void {
    run_limits = asked orelse .{};
    kill_group = of_group;
    if (run_limits.timeout_ms > 0) deadline_ms = sys.now() +| run_limits.timeout_ms;
}

/// The command was taken up. It may have failed already.
pub fn started(id: u32) void {
    const index = commands.findById(id) orelse return;
    command_index = index;
    var pipes = commands.pipesOf(commands.get(index));
    while (pipes.next()) |pipe| {
        // What the program reads there, from a pipe that nobody will write to, is no output.
        if (pipe.number < 1 or pipe.number > 2 or pipe.reader >= 0) continue;
        const output = &outputs[@intCast(pipe.number - 1)];
        const copy = sys.fcntl(pipe.end, sys.F_DUPFD_CLOEXEC, 3);
        if (sys.errnoOf(copy) != 0 or loop.watchOutput(sys.asFd(copy), @intCast(pipe.number - 1)) != 0) {
            die("has no descriptor left", 1);
        }
        output.* = .{ .reader = sys.asFd(copy), .room = run_limits.output_size_max };
    }
    // Nobody else will open them.
    commands.closePipes(commands.get(index));
}

/// Hands on some of what the program has written.
pub fn outputReady(index: usize, is_readable: bool) void {
    const output = &outputs[index];
    if (output.reader < 0) return;
    if (!is_readable) return closeOutput(output);
    if (output.room == 0) return giveUp(.output_size);
    const most = if (letting_go) @min(output.room, output.left) else output.room;
    const size: usize = @intCast(@min(most, limits.output_chunk_size));
    const flags: usize = 2; // SPLICE_F_NONBLOCK, man 2 splice
    const result = linux.syscall6(.splice, @intCast(output.reader), 0, 1 + index, 0, size, flags);
    switch (@as(sys.E, @enumFromInt(sys.errnoOf(result)))) {
        .SUCCESS => if (result == 0) closeOutput(output),
        // The client takes what it gets, but not always at once; and the kernel may lack memory at the moment.
        .AGAIN, .NOMEM => awaitRoom(@intCast(1 + index)),
        .INTR => {},
        // Nobody reads there any more; the program is told in the same way.
        else => closeOutput(output),
    }
    if (result > size) return;
    output.room -= result;
    if (!letting_go) return;
    output.left -= result;
    if (output.left == 0) closeOutput(output);
}

fn awaitRoom(fd: sys.fd_t) void {
    var waiting = [_]linux.pollfd{.{ .fd = fd, .events = linux.POLL.OUT, .revents = 0 }};
    // Not for long: time goes on.
    _ = linux.poll(&waiting, waiting.len, 10);
}

fn closeOutput(output: *Output) void {
    if (output.reader >= 0) sys.close(output.reader);
    output.reader = -1;
}

fn giveUp(limit: messages.RunLimit) void {
    if (given_up) return;
    given_up = true;
    answers.limitReached(limit);
    for (&outputs) |*output| closeOutput(output);
    const index = command_index orelse return;
    const command = commands.get(index);
    if (command.state == .starting) progress.abort(index);
    if (command.state != .running) return;
    kill(command, run_limits.kill_signal);
    if (run_limits.force_kill_after_ms) |after| force_kill_ms = sys.now() +| after;
}

fn kill(command: *const commands.Command, signal: u32) void {
    const target = if (kill_group and command.leads_group) -command.pid else command.pid;
    _ = linux.kill(target, @enumFromInt(signal));
}

/// The program has ignored `kill_signal`, as pid 1 of a pid namespace does unless it handles the signal.
fn forceKill() void {
    const time = force_kill_ms orelse return;
    if (sys.now() < time) return;
    force_kill_ms = null;
    const command = commands.get(command_index.?);
    if (command.state == .running) kill(command, @intFromEnum(linux.SIG.KILL));
}

/// How long the loop may wait, in milliseconds; -1 for as long as it takes.
pub fn timeout() i32 {
    var next: u64 = force_kill_ms orelse std.math.maxInt(u64);
    if (!given_up and deadline_ms != 0) next = deadline_ms;
    if (!given_up and !letting_go) next = @min(next, drain_deadline_ms orelse next);
    if (next == std.math.maxInt(u64)) return -1;
    return @intCast(@min(next -| sys.now(), std.math.maxInt(i32)));
}

/// The command has ended; processes that it left behind may hold its pipes open for ever.
fn drain() void {
    const drain_timeout_ms = run_limits.drain_timeout_ms orelse return;
    if (letting_go or given_up) return;
    const time = sys.now();
    if (drain_deadline_ms == null) drain_deadline_ms = time +| drain_timeout_ms;
    if (time < drain_deadline_ms.?) return;
    letting_go = true;
    for (&outputs) |*output| {
        if (output.reader < 0) continue;
        // As much as a process that goes on writing puts there meanwhile, this has an end.
        output.left = sys.readableSize(output.reader);
        if (output.left == 0) closeOutput(output);
    }
}

/// Looks at the clock. Returns whether the run is over: the command has ended, and all that it wrote was handed on.
pub fn isOver() bool {
    if (deadline_ms != 0 and !given_up and sys.now() >= deadline_ms) giveUp(.timeout);
    if (commands.count > 0) {
        forceKill();
        return false;
    }
    drain();
    for (outputs) |output| if (output.reader >= 0) return false;
    return true;
}
