//! What happens to processes: the end of each, after which it is forgotten, and that it was stopped or goes on.
const std = @import("std");
const linux = std.os.linux;
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const limits = @import("limits.zig");
const progress = @import("progress.zig");
const sys = @import("sys.zig");
const terminal = @import("terminal.zig");

/// Processes whose parents have ended become children of the helper.
pub var adopts = false;

/// There may be more to take in than the last round had room for. The signalfd does not say so again.
pub var has_more = false;

/// Takes in what has happened to children, but only so many of them: a program that makes siblings of its own (CLONE_PARENT,
/// man 2 clone), which end at once, would keep the helper here for ever.
pub fn reapSome() void {
    has_more = !reapUpTo(limits.reaped_per_round_max);
}

/// Takes in the end of every command's process that has ended by now, however many others there are.
pub fn reapEnded() void {
    has_more = !reapUpTo(limits.reaped_per_request_max);
    if (!has_more) return;
    var processes: commands.ProcessIterator = .{};
    while (processes.next()) |process| _ = reapOne(process.pid);
}

/// False: there may be more.
fn reapUpTo(count_max: usize) bool {
    defer releaseOrphans();
    for (0..count_max) |_| if (!reapOne(sys.any_child)) return true;
    return false;
}

/// Takes in what has happened to one child. Returns whether there was something.
fn reapOne(which: sys.pid_t) bool {
    var status: u32 = 0;
    var usage: sys.Rusage = undefined;
    const result = sys.waitFor(which, &status, &usage);
    if (sys.isError(result, .INTR)) return true;
    // ECHILD: there are none left.
    if (sys.errnoOf(result) != 0 or result == 0) return false;
    const pid: sys.pid_t = @intCast(result);
    if (sys.stopSignal(status)) |signal| {
        stopped(pid, signal);
    } else if (sys.isContinued(status)) {
        continued(pid);
    } else if (commands.removeProcess(pid)) |owner| {
        if (commands.get(owner.index).foreground and owner.role == .child) terminal.takeBack(pid);
        reaped(owner, status, &usage);
    } else keepUnclaimed(&.{ .pid = pid, .status = status, .usage = usage });
    return true;
}

fn stopped(pid: sys.pid_t, signal: u8) void {
    const owner = commands.findProcess(pid) orelse return if (adopts) answers.stopped(0, pid, signal);
    const command = commands.get(owner.index);
    if (command.foreground and owner.role == .child) terminal.takeBack(pid);
    switch (command.state) {
        .running => answers.stopped(command.id, pid, signal),
        // It may have become the program: the end of its report comes in the next round.
        .starting => command.stopped = signal,
        .failing, .dead => {},
    }
}

fn continued(pid: sys.pid_t) void {
    const owner = commands.findProcess(pid) orelse return if (adopts) answers.continued(0, pid);
    const command = commands.get(owner.index);
    command.stopped = 0;
    if (command.foreground and owner.role == .child) terminal.give(pid);
    if (command.state == .running) answers.continued(command.id, pid);
}

fn reaped(owner: commands.Owner, status: u32, usage: *const sys.Rusage) void {
    const index = owner.index;
    const command = commands.get(index);
    if (owner.role == .map_runner) commands.usageOf(index).* = usage.*;
    if (command.state == .starting) {
        // Its death may come first in a round in which both are ready; the client hears of the start before the end.
        const is_program = owner.role == .child and command.phase == .released;
        if (is_program and command.report >= 0) progress.reportEnded(index) else progress.processEnded(index, owner.role, status);
    }
    switch (command.state) {
        .starting => {},
        .dead => unreachable,
        .running => {
            std.debug.assert(owner.role == .child);
            command.status = status;
            commands.usageOf(index).* = usage.*;
            commands.markDead(index);
            endSiblings(command);
            if (command.pipes == commands.none) tellDeath(index);
        },
        .failing => {
            const is_last = command.livingProcesses() == 0;
            const signal: u8 = @intCast(status & 0x7f);
            // Those that have done their part end without one.
            if (command.failure.stage == .unspecified and (signal != 0 or is_last)) {
                command.failure = .{ .stage = .unknown_error, .signal = signal };
            }
            if (is_last) progress.finish(index);
        },
    }
}

/// Ends the siblings that the program has made (CLONE_PARENT) and left in its process group: they are children of the helper,
/// which have no parent death signal and would outlive it.
pub noinline fn endSiblings(command: *const commands.Command) void {
    // With `adopts`, any of the program's descendants may be the helper's child by now.
    if (command.death_signal == 0 or adopts) return;
    const group = command.child_pid;
    // The number of a group is no other process's as long as the group has a member, and only the helper reaps these members.
    if (!sys.hasGroup(group) or !sys.hasChildInGroup(group)) return;
    // Another command may have joined the group by a step of its own.
    var processes: commands.ProcessIterator = .{};
    while (processes.next()) |process| if (sys.groupOf(process.pid) == group) return;
    _ = linux.kill(-group, .KILL);
}

/// Tells the client of the death of a command, whose pipes are released, and forgets it.
pub fn tellDeath(index: commands.Index) void {
    const command = commands.get(index);
    answers.died(command.id, command.child_pid, command.status, commands.usageOf(index));
    commands.remove(index);
}

/// A process that its joiner has made may die and be reaped before the joiner has told which one it is.
const Unclaimed = struct { pid: sys.pid_t, status: u32, usage: sys.Rusage };

/// As at the start, for the fuzz program.
pub fn reset() void {
    adopts = false;
    has_more = false;
    unclaimed_count = 0;
    unclaimed_released = 0;
}

/// In a circle, from the oldest on; those that were claimed have the pid 0.
var unclaimed: [limits.unclaimed_max]Unclaimed = undefined;
var unclaimed_oldest: usize = 0;
var unclaimed_count: usize = 0;

/// How many were let go.
var unclaimed_released: usize = 0;

/// How many there have ever been.
pub fn unclaimedSoFar() usize {
    return unclaimed_released + unclaimed_count;
}

/// The oldest goes where there are too many.
fn keepUnclaimed(process: *const Unclaimed) void {
    if (unclaimed_count == unclaimed.len) releaseOldest();
    unclaimed[(unclaimed_oldest + unclaimed_count) % unclaimed.len] = process.*;
    unclaimed_count += 1;
}

/// Where no joiner is left that could have made them, what nobody has claimed was adopted; or this process had it before it
/// became the helper.
fn releaseOrphans() void {
    if (unclaimed_count == 0) return;
    var joining: commands.StartingIterator = .{ .phase = .joining };
    if (joining.next() != null) return;
    while (unclaimed_count > 0) releaseOldest();
}

noinline fn releaseOldest() void {
    const process = &unclaimed[unclaimed_oldest];
    if (adopts and process.pid != 0) answers.died(0, process.pid, process.status, &process.usage);
    unclaimed_oldest = (unclaimed_oldest + 1) % unclaimed.len;
    unclaimed_count -= 1;
    unclaimed_released += 1;
}

/// A joiner has made this process for the command. It may be dead already. False if it cannot be: it is no child of the
/// helper, or known to be something else.
pub fn claim(index: commands.Index, pid: sys.pid_t) bool {
    for (0..unclaimed_count) |at| {
        const found = &unclaimed[(unclaimed_oldest + at) % unclaimed.len];
        // What was reaped before the joiner was made had the same pid, and was another process.
        if (found.pid != pid or unclaimed_released + at < commands.get(index).unclaimed_before) continue;
        found.pid = 0;
        progress.fail(index, .{ .stage = .unknown_error, .signal = @intCast(found.status & 0x7f) });
        return true;
    }
    if (!sys.isChild(pid)) {
        if (unclaimed_released <= commands.get(index).unclaimed_before) return false;
        // Too many others were reaped meanwhile to remember all: it may have been among those that were let go.
        progress.fail(index, .{ .stage = .unknown_error });
        return true;
    }
    if (commands.findProcess(pid) != null) return false;
    return commands.addProcess(index, .child, pid);
}
