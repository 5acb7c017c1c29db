//! The child's ids, by raw system calls: what std or a libc adds around them is of no use after a clone.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

/// In a user namespace that it did not have before, the child's own ids are mapped, or become 0; see Plan.mapped_uid.
/// Returns whether any changed.
pub fn becomeMapped(plan: *const Plan) bool {
    if (plan.isJoining(.user)) return settle(plan);
    if (plan.mapped_gid) |id| setGid(plan, id);
    if (plan.mapped_uid) |id| setUid(plan, id);
    return plan.mapped_uid != null or plan.mapped_gid != null;
}

/// What the kernel shows for an id that is not mapped (DEFAULT_OVERFLOWUID).
const overflow_id = 65534;

/// The same where a user namespace was joined, whose maps nobody here knows. An own id that shows as the overflow id is not
/// mapped, or happens to be that one; taking on an id that is mapped ends the doubt.
fn settle(plan: *const Plan) bool {
    // A new user namespace without maps has nobody mapped, and nothing to become.
    const gids_are_mapped = !plan.has(.user) or plan.request.gid_maps.len > 0;
    const uids_are_mapped = !plan.has(.user) or plan.request.uid_maps.len > 0;
    var changed = false;
    if (gids_are_mapped and sys.getegid() == overflow_id and plan.request.gid == null) {
        const result = firstThatIsMapped(sys.setresgid);
        _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresgid, .item = .gid_map });
        changed = true;
    }
    if (uids_are_mapped and sys.geteuid() == overflow_id and plan.request.uid == null) {
        const result = firstThatIsMapped(sys.setresuid);
        _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresuid, .item = .uid_map });
        changed = true;
    }
    return changed;
}

fn firstThatIsMapped(set: fn (u32) usize) usize {
    const result = set(0);
    return if (sys.isError(result, .INVAL)) set(overflow_id) else result;
}

/// Supplementary groups, gid, uid, in this order: each needs what the next one gives up. Returns whether any changed.
pub fn change(plan: *const Plan) bool {
    setGroups(plan);
    if (plan.request.gid) |id| setGid(plan, id);
    if (plan.request.uid) |id| setUid(plan, id);
    return plan.changesIds();
}

fn setGroups(plan: *const Plan) void {
    const asked = plan.request.groups;
    const is_in_other_user_namespace = plan.has(.user) or plan.isJoining(.user);
    if (asked == null and !plan.changesIds() and !is_in_other_user_namespace) return;
    const gids = if (asked) |groups| groups.gids else &.{};
    const result = sys.setgroups(gids);
    // Without CAP_SETGID, or where setgroups is denied in this user namespace or gid_map is not written, they cannot be
    // dropped.
    if (asked == null and sys.isError(result, .PERM)) return;
    _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setgroups, .item = .groups });
}

fn setGid(plan: *const Plan, id: u32) void {
    const result = sys.setresgid(id);
    _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresgid, .item = .gid, .index = id });
}

fn setUid(plan: *const Plan, id: u32) void {
    const result = sys.setresuid(id);
    _ = child.check(plan.report, result, .{ .stage = .set_user, .call = .setresuid, .item = .uid, .index = id });
}
