//! The end of processes: reaped, told to the client, and forgotten.
const std = @import("std");
const linux = std.os.linux;
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const limits = @import("limits.zig");
const progress = @import("progress.zig");
const sys = @import("sys.zig");

/// Reaps every child that has ended.
pub fn reapAll() void {
    while (true) {
        var status: u32 = 0;
        var usage: sys.Rusage = undefined;
        const result = sys.waitAny(&status, &usage);
        // ECHILD: there are none left.
        if (sys.errnoOf(result) != 0 or result == 0) return;
        const pid: sys.pid_t = @intCast(result);
        if (commands.removeProcess(pid)) |owner| reaped(owner, status, &usage) else keepUnclaimed(pid, status);
    }
}

fn reaped(owner: commands.Owner, status: u32, usage: *const sys.Rusage) void {
    const index = owner.index;
    const command = commands.get(index);
    if (owner.role == .map_runner) commands.mapUsage(index).* = usage.*;
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
            answers.died(command, status, usage);
            commands.markDead(index);
            if (command.pipes == commands.none) commands.remove(index);
        },
        .failing => {
            if (command.failure.stage == .unspecified) {
                command.failure = .{ .stage = .unknown_error, .signal = @intCast(status & 0x7f) };
            }
            if (command.livingProcesses() == 0) progress.finish(index);
        },
    }
}

/// A process that its joiner has made may die and be reaped before the joiner has told which one it is.
const Unclaimed = struct { pid: sys.pid_t, status: u32 };

/// Those without one have the pid 0.
var unclaimed: [limits.unclaimed_max]Unclaimed = @splat(.{ .pid = 0, .status = 0 });
var unclaimed_next: usize = 0;

/// The oldest goes where there are too many.
fn keepUnclaimed(pid: sys.pid_t, status: u32) void {
    var joining: commands.PhaseIterator = .{ .phase = .joining };
    if (joining.next() == null) {
        // Nobody will ask: a child that this process had before it became the helper, for instance.
        unclaimed = @splat(.{ .pid = 0, .status = 0 });
        return;
    }
    unclaimed[unclaimed_next] = .{ .pid = pid, .status = status };
    unclaimed_next = (unclaimed_next + 1) % unclaimed.len;
}

/// A joiner has made this process for the command. It may be dead already.
pub fn claim(index: commands.Index, pid: sys.pid_t) void {
    std.debug.assert(pid > 0);
    for (&unclaimed) |*found| {
        if (found.pid != pid) continue;
        found.pid = 0;
        return progress.fail(index, .{ .stage = .unknown_error, .signal = @intCast(found.status & 0x7f) });
    }
    const added = commands.addProcess(index, .child, pid);
    std.debug.assert(added);
}
