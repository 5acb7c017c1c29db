//! The helper's own end. The kernel would send the death signals by itself; but whoever dies after the helper is left to the
//! init process of the pid namespace, and an init that does not reap what it does not know, Node for instance, has a zombie for
//! each until its own end. So the helper sends them, and reaps.
const std = @import("std");
const commands = @import("commands.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const progress = @import("progress.zig");
const reaper = @import("reaper.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

/// Ends every child that is to end with the helper, and reaps what ends of them within a second. O_NONBLOCK of the client's
/// streams is not set again (standard.zig): a client that exits has reset them for their next user, a shell for instance.
pub noinline fn endChildren() void {
    progress.endAll();
    // They may be pipes whose end somebody waits for.
    for (0..3) |fd| _ = linux.close(@intCast(fd));
    const deadline = sys.now() + limits.ending_ms;
    var left: usize = 0;
    var processes: commands.ProcessIterator = .{};
    while (processes.next()) |process| {
        const signal = signalFor(process.owner);
        if (signal == 0) continue;
        _ = linux.kill(process.pid, @enumFromInt(signal));
        left += 1;
    }
    while (left > 0) {
        var status: u32 = 0;
        var usage: sys.Rusage = undefined;
        const result = sys.waitFor(sys.any_child, &status, &usage);
        if (sys.isError(result, .INTR)) continue;
        if (sys.errnoOf(result) != 0) return;
        // There may be no end of children that are nobody's.
        const now = sys.now();
        if (now >= deadline) return;
        if (result == 0) {
            loop.awaitChild(@intCast(deadline - now));
            continue;
        }
        if (sys.stopSignal(status) != null or sys.isContinued(status)) continue;
        const owner = commands.removeProcess(@intCast(result)) orelse continue;
        if (signalFor(owner) != 0) left -= 1;
        const command = commands.get(owner.index);
        if (command.state == .running) reaper.endSiblings(command);
    }
}

/// What a process gets at the helper's end; 0: nothing.
fn signalFor(owner: commands.Owner) u8 {
    const command = commands.get(owner.index);
    return if (command.state == .running) command.death_signal else @intFromEnum(linux.SIG.KILL);
}
