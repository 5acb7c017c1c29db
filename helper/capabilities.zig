//! What `keep_capabilities` asks for: that the program has these capabilities and can never get another one, also as uid 0.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

/// While the ids are still those that may: the bounding set loses what is not kept, which uid 0 would get back at
/// execve otherwise, and a change of uid leaves the permitted set alone.
pub fn beforeIds(plan: *const Plan) void {
    const kept = plan.request.keep_capabilities orelse return;
    for (0..plan.host.last_capability + 1) |capability| {
        if (isIn(kept, capability)) continue;
        // A program may be started without the right to drop what is not there.
        if (sys.prctl(sys.PR_CAPBSET_READ, capability) == 0) continue;
        check(plan, sys.prctl(sys.PR_CAPBSET_DROP, capability), .prctl, .bounding, capability);
    }
    check(plan, sys.prctl(sys.PR_SET_KEEPCAPS, 1), .prctl, .capabilities, 0);
}

pub fn afterIds(plan: *const Plan) void {
    const kept = plan.request.keep_capabilities orelse return;
    check(plan, sys.prctl(sys.PR_SET_KEEPCAPS, 0), .prctl, .capabilities, 0);
    check(plan, sys.setCapabilities(.{ .effective = kept, .permitted = kept, .inheritable = kept }), .capset, .capabilities, 0);
    // Others have left the ambient set with the permitted one (man 7 capabilities).
    for (0..plan.host.last_capability + 1) |capability| {
        if (!isIn(kept, capability)) continue;
        check(plan, sys.prctlAmbient(sys.PR_CAP_AMBIENT_RAISE, capability), .prctl, .ambient, capability);
    }
}

fn isIn(set: u64, capability: usize) bool {
    return set >> @intCast(capability) & 1 != 0;
}

noinline fn check(plan: *const Plan, result: usize, call: @import("report.zig").Call, item: messages.Item, capability: usize) void {
    _ = child.check(plan.report, result, .{
        .stage = .cap_set,
        .call = call,
        .item = item,
        .index = @intCast(capability),
    });
}
