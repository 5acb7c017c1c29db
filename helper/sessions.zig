//! The program's session and process group. From inside all namespaces, a program in the client's group reaches the client by
//! kill(0, …) and setpriority(PRIO_PGRP, …); one in the client's session opens /dev/tty and types into the user's shell
//! (TIOCSTI, CVE-2017-5226).
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const descriptors = @import("descriptors.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

/// Moves the command's first process, which was made in the helper's group, to the client's if the program stays there. Early:
/// in another pid namespace, the group has no number.
pub fn returnToClient(plan: *const Plan) void {
    if (plan.leadsGroup() or !plan.host.has_own_group or plan.inheritsGroup()) return;
    if (sys.errnoOf(linux.setpgid(0, plan.host.group)) == 0) return;
    // EPERM: nobody is left in that group. The helper's is not for programs.
    _ = linux.setpgid(0, 0);
}

/// Makes the program the leader of its session or process group.
pub fn lead(plan: *const Plan, sources: *const descriptors.Sources) void {
    if (plan.request.new_session orelse (plan.wantsSession() and !inheritsTerminal(plan, sources))) {
        const result = linux.setsid();
        _ = child.check(plan.report, result, .{ .stage = .set_pgid, .call = .setsid, .item = .session });
    } else if (plan.leadsGroup()) {
        _ = child.check(plan.report, linux.setpgid(0, 0), .{ .stage = .set_pgid, .call = .setpgid });
    }
}

/// What the program will have at this number, whose source is its own; -1 where it is none of those that may be a terminal.
fn ownOf(plan: *const Plan, sources: *const descriptors.Sources, number: sys.fd_t) sys.fd_t {
    for (plan.descriptors(), 0..) |descriptor, index| {
        if (descriptor.number != number) continue;
        return if (descriptor.source == .inherit) number else sources.own[index];
    }
    return -1;
}

/// Whether the program has its present controlling terminal at 0, 1 or 2. In another session, SIGTTIN would not stop it from
/// reading what the user types for others. Other terminals stop nobody in this session.
fn inheritsTerminal(plan: *const Plan, sources: *const descriptors.Sources) bool {
    const session = sys.getsid();
    for (plan.descriptors(), 0..) |descriptor, index| {
        if (descriptor.number > 2) continue;
        const fd = switch (descriptor.source) {
            .inherit => descriptor.number,
            .helper, .file => sources.own[index],
            .same => ownOf(plan, sources, descriptor.same_as),
            else => continue,
        };
        // The master's side of a terminal tells the session of the other side.
        if (sys.askTerminal(fd, sys.TIOCGSID) == session) return true;
    }
    return false;
}
