//! The end of children: reaped, told to the client, and forgotten.
const std = @import("std");
const linux = std.os.linux;
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const starter = @import("starter.zig");
const sys = @import("sys.zig");

/// Reaps every child that has ended.
pub fn reapAll() void {
    while (true) {
        var status: u32 = 0;
        var usage: sys.Rusage = undefined;
        const result = sys.waitAny(&status, &usage);
        // ECHILD: there are none left.
        if (sys.errnoOf(result) != 0 or result == 0) return;
        // A child of nobody's command can only be one that this process had before it became the helper.
        const index = commands.findByPid(@intCast(result)) orelse continue;
        reaped(index, status, &usage);
    }
}

fn reaped(index: commands.Index, status: u32, usage: *const sys.Rusage) void {
    const command = commands.get(index);
    // Its death may come first in a round in which both are ready; the client hears of the start before the end.
    if (command.report >= 0) starter.reportEnded(index);
    switch (command.state) {
        .starting, .dead => unreachable,
        .running => answers.died(command, status, usage),
        .failing => {
            if (command.failure.stage == .unspecified) {
                command.failure = .{ .stage = .unknown_error, .signal = @intCast(status & 0x7f) };
            }
            commands.closePipes(command);
            answers.failed(command.id, command.failure);
        },
    }
    commands.clearPid(index);
    if (command.pipes == commands.none) commands.remove(index);
}
