//! The child's ids, by raw system calls: what std or a libc adds around them is of no use after a clone.
const std = @import("std");
const child = @import("child.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

/// Takes on 0 in a new user namespace where the own id is not mapped; see Plan.mapped_uid.
pub fn becomeMapped(plan: *const Plan) void {
    if (plan.mapped_gid) |id| setGid(plan, id);
    if (plan.mapped_uid) |id| setUid(plan, id);
}

/// Supplementary groups, gid, uid, in this order: each needs what the next one gives up. Returns whether any changed.
pub fn change(plan: *const Plan) bool {
    if (plan.uid == null and plan.gid == null) return plan.mapped_uid != null or plan.mapped_gid != null;
    const cleared = sys.clearGroups();
    // Without CAP_SETGID, or where setgroups is denied in this user namespace, they cannot be dropped.
    if (!sys.isError(cleared, .PERM)) {
        _ = child.check(plan.report, cleared, .{ .stage = .set_user, .call = .setgroups, .item = .groups });
    }
    if (plan.gid) |id| setGid(plan, id);
    if (plan.uid) |id| setUid(plan, id);
    return true;
}

fn setGid(plan: *const Plan, id: u32) void {
    const result = sys.setresgid(id);
    _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresgid, .item = .gid, .index = id });
}

fn setUid(plan: *const Plan, id: u32) void {
    const result = sys.setresuid(id);
    _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresuid, .item = .uid, .index = id });
}
