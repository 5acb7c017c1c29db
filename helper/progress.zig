//! The way of a command from its first process to execve, driven by the ends of its processes, by the end of its report pipe
//! and by the client:
//!
//!     (id map commands) → (joiner) → (Frozen … Unfreeze) → go → report: exec or failure
const std = @import("std");
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const loop = @import("loop.zig");
const messages = @import("messages.zig");
const plans = @import("plan.zig");
const reaper = @import("reaper.zig");
const report = @import("report.zig");
const streams = @import("streams.zig");
const sys = @import("sys.zig");
const terminal = @import("terminal.zig");
const linux = sys.linux;

const Command = commands.Command;
const Failure = report.Failure;
const Record = report.Record;

/// The first process is there, and its maps are written where the helper writes them.
pub fn begin(index: commands.Index, plan: *const plans.Plan) void {
    const command = commands.get(index);
    std.debug.assert(command.state == .starting);
    if (plan.diagnose != null) return;
    if (!plan.waitsForGo()) return;
    const is_first_mapped = plan.joins == 0 and !plan.opensFirst();
    if (is_first_mapped and command.map_runner != 0) return tellMapRunner(index, firstPid(command));
    if (!plan.hasJoiner()) return childIsReady(index);
    command.phase = .joining;
    if (is_first_mapped and plan.hasMaps()) go(index);
}

/// The process that got the user namespace, where the command has a new one.
pub fn firstPid(command: *const Command) sys.pid_t {
    return if (command.joiner != 0) command.joiner else command.pid;
}

noinline fn tellMapRunner(index: commands.Index, pid: sys.pid_t) void {
    const command = commands.get(index);
    command.phase = .mapping;
    const number: u32 = @intCast(pid);
    tell(index, command.map_pid, std.mem.asBytes(&number));
    closeOwn(&command.map_pid);
}

/// Lets the process go on that waits.
fn go(index: commands.Index) void {
    tell(index, commands.get(index).go, "g");
}

/// The pipe is empty, so it takes a few bytes, or none where the kernel has no memory for it.
noinline fn tell(index: commands.Index, pipe: sys.fd_t, text: []const u8) void {
    const written = linux.write(pipe, text.ptr, text.len);
    if (written == text.len) return;
    takeRecords(index);
    if (commands.get(index).state != .starting) return;
    // EPIPE: who waits there was killed just now. By what is known once it is reaped.
    const is_dead = sys.isError(written, .PIPE);
    fail(index, if (is_dead) .{ .stage = .unspecified } else .{
        .stage = .pipe_error,
        .call = .write,
        .errno = sys.errnoOf(written),
    });
}

/// The command's own process waits, in all its namespaces, with its maps written.
fn childIsReady(index: commands.Index) void {
    const command = commands.get(index);
    std.debug.assert(command.pid != 0);
    if (!command.freeze) return release(index);
    command.phase = .frozen;
    answers.frozen(command);
}

fn release(index: commands.Index) void {
    const command = commands.get(index);
    command.phase = .released;
    if (command.foreground) terminal.give(command.pid);
    go(index);
    closeOwn(&command.go);
}

/// The client has done what it wanted to do.
pub fn unfreeze(index: commands.Index) void {
    const command = commands.get(index);
    if (command.state == .starting and command.phase == .frozen) release(index);
}

/// The client does not want the command any more.
pub fn abort(index: commands.Index) void {
    if (commands.get(index).state != .starting) return;
    fail(index, .{ .stage = .unknown_error, .signal = @intFromEnum(linux.SIG.KILL) });
}

/// One of the processes of a command that is being started was reaped.
pub fn processEnded(index: commands.Index, role: commands.Role, status: u32) void {
    const command = commands.get(index);
    std.debug.assert(command.state == .starting);
    takeRecords(index);
    if (command.state != .starting) return;
    switch (role) {
        .child => fail(index, diedBeforeExec(status)),
        .joiner => {
            // Without the record, it has made no process, or none that could be known.
            if (status != 0 or command.pid == 0) return fail(index, diedBeforeExec(status));
            if (command.map_runner != 0) return tellMapRunner(index, command.pid);
            childIsReady(index);
        },
        .map_runner => {
            if (status != 0 or command.phase != .mapping) return fail(index, diedBeforeExec(status));
            closeOwn(&command.map_stderr);
            if (command.pid != 0) return childIsReady(index);
            command.phase = .joining;
            go(index);
        },
    }
}

fn diedBeforeExec(status: u32) Failure {
    return .{ .stage = .unknown_error, .signal = @intCast(status & 0x7f) };
}

/// Every writing end of the command's report pipe is closed: it became the program, or it died on the way.
pub fn reportEnded(index: commands.Index) void {
    const command = commands.get(index);
    std.debug.assert(command.report >= 0);
    if (command.state == .starting) {
        takeRecords(index);
        // Without any record, the child died before it came to execve; what ended it is known once it is reaped.
        if (command.state == .starting) fail(index, .{ .stage = .unspecified });
    }
    endStarting(command);
    if (command.state != .running) return;
    answers.spawned(command);
    if (command.stopped != 0) answers.stopped(command.id, command.child_pid, command.stopped);
}

/// Reads what the command's processes have reported. What is in the pipe may come from anybody (report.Record.parse), so
/// nothing there is taken for granted: only that command fails.
fn takeRecords(index: commands.Index) void {
    const command = commands.get(index);
    std.debug.assert(command.state == .starting);
    if (command.report < 0) return;
    // With room for one byte too many.
    var bytes: [report.records_max * Record.size + 1]u8 = undefined;
    const size = linux.read(command.report, &bytes, bytes.len);
    if (sys.isError(size, .AGAIN)) return;
    if (sys.errnoOf(size) != 0) {
        return fail(index, .{ .stage = .pipe_error, .call = .read, .errno = sys.errnoOf(size) });
    }
    if (size == bytes.len or size % Record.size != 0) return fail(index, forged);
    var about_to_exec = false;
    var at: usize = 0;
    while (at < size) : (at += Record.size) {
        const record = Record.parse(bytes[at..][0..Record.size]) orelse return fail(index, forged);
        switch (record.kind) {
            .about_to_exec => {
                // Nobody but the command's own process, which nobody else has to do anything for any more.
                if (command.phase != .released or command.child_pid == 0) return fail(index, forged);
                if (command.joiner != 0 or command.map_runner != 0) return fail(index, forged);
                about_to_exec = true;
            },
            .joined => {
                if (command.phase != .joining or command.child_pid != 0) return fail(index, forged);
                if (!reaper.claim(index, @intCast(record.failure.index))) return fail(index, forged);
                if (command.state != .starting) return;
            },
            .failed => return fail(index, if (isAux(record.failure.stage) and command.map_stderr < 0) forged else record.failure),
        }
    }
    if (about_to_exec) command.state = .running;
}

const forged: Failure = .{ .stage = .pipe_error, .detail = .forged };

/// Whether an id map command has failed, whose standard error the helper has.
fn isAux(stage: messages.Stage) bool {
    return stage == .aux_command_exited or stage == .aux_command_killed;
}

/// Gives the command up. The client hears of it, by `finish`, when all its processes are reaped.
pub noinline fn fail(index: commands.Index, failure: Failure) void {
    const command = commands.get(index);
    std.debug.assert(command.state == .starting);
    command.state = .failing;
    command.failure = failure;
    // Ids that are not reaped yet, so nobody else's.
    for ([_]sys.pid_t{ command.pid, command.joiner, command.map_runner }) |pid| {
        if (pid != 0) _ = linux.kill(pid, .KILL);
    }
    // The programs that it runs are in its process group.
    if (command.map_runner != 0) _ = linux.kill(-command.map_runner, .KILL);
}

/// The client is gone, and this process will be, see ending.zig. Those that are on their way to their program may not have armed a death
/// signal yet.
pub noinline fn endAll() void {
    var starting: commands.StartingIterator = .{ .phase = null };
    while (starting.next()) |index| {
        takeRecords(index);
        // One that has told that execve comes next has the death signal that it is to have, or none.
        abort(index);
    }
    terminal.takeBackAny();
}

/// Tells the client why there is no program, and forgets the command.
pub fn finish(index: commands.Index) void {
    const command = commands.get(index);
    std.debug.assert(command.state == .failing);
    std.debug.assert(command.livingProcesses() == 0);
    endStarting(command);
    commands.closePipes(command);
    streams.drop(command);
    tellFailure(index);
    closeOwn(&command.map_stderr);
    commands.markDead(index);
    commands.remove(index);
}

fn tellFailure(index: commands.Index) void {
    const command = commands.get(index);
    if (!isAux(command.failure.stage)) return answers.failed(command.id, command.failure);
    const buffer = connection.stderrBuffer();
    const size = linux.read(command.map_stderr, buffer.ptr, buffer.len);
    const stderr = if (sys.errnoOf(size) == 0) buffer[0..size] else buffer[0..0];
    answers.mapCommandFailed(command.id, command.failure, commands.usageOf(index), stderr);
}

/// Nobody uses the pipes to and from the processes, and the shared memory, any more.
noinline fn endStarting(command: *Command) void {
    if (command.report >= 0) {
        loop.unwatch(command.report);
        closeOwn(&command.report);
    }
    closeOwn(&command.go);
    closeOwn(&command.map_pid);
    if (command.place) |place| place.release();
    command.place = null;
}

noinline fn closeOwn(fd: *sys.fd_t) void {
    if (fd.* >= 0) sys.close(fd.*);
    fd.* = -1;
}
