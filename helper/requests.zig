//! What the client asks for, message by message.
const std = @import("std");
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const Host = @import("host.zig").Host;
const inherited = @import("inherited.zig");
const launch = @import("launch.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const once = @import("once.zig");
const plans = @import("plan.zig");
const progress = @import("progress.zig");
const reaper = @import("reaper.zig");
const starter = @import("starter.zig");
const streams = @import("streams.zig");
const sys = @import("sys.zig");
const terminal = @import("terminal.zig");
const linux = sys.linux;
const Text = @import("text.zig").Text;
const wire = @import("wire.zig");

/// What ends the connection. The client is told the name.
pub const Error = wire.Error || connection.ReceiveError || error{
    OutOfMemory,
    HelloMissing,
    HelloRepeated,
    ProtocolMismatch,
    MessageEmpty,
    MessageAmbiguous,
    CommandInUse,
    StreamOverrun,
};

var greeted = false;

/// As at the start, for the fuzz program.
pub fn reset() void {
    greeted = false;
    retired = false;
    has_more = false;
    served = 0;
}

/// How many messages were taken up, for the fuzz program.
pub var served: usize = 0;

/// There may be whole messages left that were received.
pub var has_more = false;

/// Handles the whole messages that have been received, but only so many: deadlines and other events are not to wait for all.
pub fn serve(host: *const Host) Error!void {
    has_more = false;
    for (0..limits.messages_per_round_max) |_| {
        const message = try connection.nextMessage() orelse return;
        defer connection.releaseMessage();
        if (@import("options").fuzz) served += 1;
        if (message.is_whole) try serveMessage(message.bytes, host) else try refuseForMemory(message.bytes);
    }
    has_more = true;
}

/// There is no memory for a message that starts with `bytes`. That is the end of one command, and of nothing else.
noinline fn refuseForMemory(bytes: []const u8) Error!void {
    const id = wire.firstUint32(bytes, messages.ToHelper.numbers.spawn, messages.Spawn.numbers.command) orelse
        return error.OutOfMemory;
    if (!greeted) return error.HelloMissing;
    if (commands.findById(id) != null) return error.CommandInUse;
    answers.failed(id, .{ .stage = .limit, .call = .mmap, .errno = @intFromEnum(sys.E.NOMEM), .detail = .memory });
}

/// Where messages are decoded when there is no memory for that. Of use for small ones.
var spare: [limits.shared_launch_arena_size]u8 = undefined;

/// Messages go into the memory of a child to be, where one is free and they fit, so that nothing has to be copied
/// again.
fn serveMessage(bytes: []const u8, host: *const Host) Error!void {
    const place = launch.takePlace();
    // Whoever starts a command with it keeps it.
    var place_is_ours = place != null;
    defer if (place_is_ours) place.?.release();
    if (place) |taken| {
        var arena: wire.Arena = .{ .buffer = taken.arena() };
        if (decode(bytes, &arena)) |complete| {
            taken.used = arena.used;
            if (complete) place_is_ours = !try dispatch(&received, host, taken);
            return;
        } else |err| if (err != error.ArenaExhausted) return err;
    }
    const pages = sys.allocatePages(limits.arenaSize(bytes.len));
    defer if (pages) |own| sys.freePages(own);
    var arena: wire.Arena = .{ .buffer = pages orelse &spare };
    // The next command's process would have a copy of it.
    defer if (pages == null) @memset(spare[0..arena.used], 0);
    const complete = decode(bytes, &arena) catch |err| {
        return if (err == error.ArenaExhausted and pages == null) refuseForMemory(bytes) else err;
    };
    if (!complete) return;
    const kept = try dispatch(&received, host, null);
    std.debug.assert(!kept);
}

/// The message that is being served.
var received: messages.ToHelper = undefined;

/// Into `received`. False: a command that is past a limit, which the client has been told.
fn decode(bytes: []const u8, arena: *wire.Arena) wire.Error!bool {
    wire.decodeInto(messages.ToHelper, &received, bytes, arena) catch |err| {
        if (err != error.ListTooLong) return err;
        const id = wire.findUint32(bytes, messages.ToHelper.numbers.spawn, messages.Spawn.numbers.command) orelse
            return err;
        const refused = arena.refused.?;
        var buffer: [64]u8 = undefined;
        var detail: Text = .{ .buffer = &buffer };
        detail.add(refused.list);
        detail.add(": at most ");
        detail.addNumber(@intCast(refused.limit));
        answers.refused(id, .{ .stage = .limit, .detail = detail.end() });
        return false;
    };
    return true;
}

/// Returns whether a command has taken `place`.
fn dispatch(message: *const messages.ToHelper, host: *const Host, place: ?*launch.Place) Error!bool {
    var count: usize = 0;
    inline for (@typeInfo(messages.ToHelper).@"struct".fields) |field| {
        if (@field(message, field.name) != null) count += 1;
    }
    if (count == 0) return error.MessageEmpty;
    if (count > 1) return error.MessageAmbiguous;
    if (message.hello) |hello| {
        if (greeted) return error.HelloRepeated;
        if (hello.protocol != messages.protocol_version) return error.ProtocolMismatch;
        greeted = true;
        if (hello.subreaper) adopt();
        inherited.thread = hello.client_thread;
        return false;
    }
    if (!greeted) return error.HelloMissing;
    if (message.spawn) |*request| return spawn(request, host, place);
    if (message.signal) |request| signal(request);
    if (message.release_pipes) |request| releasePipes(request);
    if (message.unfreeze) |request| if (commands.findById(request.command)) |index| progress.unfreeze(index);
    if (message.abort) |request| if (commands.findById(request.command)) |index| progress.abort(index);
    if (message.reap) |request| {
        reaper.reapEnded();
        answers.reaped(request.request);
    }
    if (message.retire != null) retire();
    if (message.stream_data) |*request| try streams.take(request);
    if (message.stream_credit) |*request| try streams.credit(request);
    if (message.close_stream) |*request| streams.end(request);
    return false;
}

/// Where that is refused, no orphan comes.
fn adopt() void {
    reaper.adopts = sys.errnoOf(sys.prctl(sys.PR_SET_CHILD_SUBREAPER, 1)) == 0;
}

/// The client is not any more what this process was started by, and is lent nothing that it has given up.
pub var retired = false;

fn retire() void {
    retired = true;
    var starting: commands.StartingIterator = .{ .phase = null };
    while (starting.next()) |index| progress.abort(index);
}

var plan_like_fork: plans.Plan = undefined;

fn spawn(request: *const messages.Spawn, host: *const Host, place: ?*launch.Place) Error!bool {
    if (commands.findById(request.command) != null) return error.CommandInUse;
    if (retired) {
        answers.failed(request.command, .{ .stage = .unknown_error, .errno = @intFromEnum(sys.E.PERM) });
        return false;
    }
    if (once.active) once.begin(request.run_limits, request.kill_group);
    const plan = if (place) |taken| taken.plan.? else &plan_like_fork;
    if (plans.make(plan, request, host)) |refusal| {
        answers.refused(request.command, refusal);
        return false;
    }
    // A child like fork's has a copy of the place, which is free again at once.
    const shared = if (plan.isPlain()) place else null;
    starter.start(request.command, plan, shared);
    if (once.active) once.started(request.command);
    return shared != null;
}

fn signal(request: messages.Signal) void {
    if (request.signal > limits.signal_max) {
        return answers.signalResult(request.request, @intFromEnum(sys.E.INVAL));
    }
    if (retired) return answers.signalResult(request.request, @intFromEnum(sys.E.PERM));
    const index = commands.findById(request.command) orelse
        return answers.signalResult(request.request, @intFromEnum(sys.E.SRCH));
    const command = commands.get(index);
    // Not there yet, or reaped: its pid may be another process by now.
    if (command.pid == 0) return answers.signalResult(request.request, @intFromEnum(sys.E.SRCH));
    // On its way to execve, it may not lead its group yet.
    const is_running = command.state == .running;
    if (request.group and !(command.leads_group and is_running)) return answers.signalResult(request.request, @intFromEnum(sys.E.SRCH));
    // The number of the group is no other's either, as long as its leader is not reaped.
    var target = if (request.group) -command.pid else command.pid;
    if (command.foreground and is_running and request.signal == @intFromEnum(linux.SIG.CONT)) {
        // As a shell does for its jobs: the terminal first, and the whole group, which is what the terminal has stopped.
        terminal.give(command.pid);
        target = -command.pid;
    }
    const result = linux.kill(target, @enumFromInt(request.signal));
    answers.signalResult(request.request, sys.errnoOf(result));
}

fn releasePipes(request: messages.ReleasePipes) void {
    const index = commands.findById(request.command) orelse return;
    const command = commands.get(index);
    // Before Spawned there is nothing that the client could have opened.
    if (command.state != .running and command.state != .dead) return;
    commands.closePipes(command);
    // Not before: who hears of a program's end, and writes to it, is to find no reader here.
    if (command.state == .dead) reaper.tellDeath(index);
}
