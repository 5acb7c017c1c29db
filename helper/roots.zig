//! The child's mounts, root and working directory.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const Call = @import("report.zig").Call;
const sys = @import("sys.zig");

/// Where `/` is shared, as systemd makes it, mounts of the new namespace would show up outside, and pivot_root would fail.
pub fn setPropagation(plan: *const Plan) void {
    if (!plan.has(.mount)) return;
    const flag: u32 = switch (plan.request.mount_propagation) {
        .unspecified, .private => linux.MS.PRIVATE,
        .slave => linux.MS.SLAVE,
        .shared => linux.MS.SHARED,
        .unchanged => return,
    };
    const result = linux.mount(null, "/", null, linux.MS.REC | flag, 0);
    check(plan, result, .mount, .mount_propagation);
}

pub fn change(plan: *const Plan) void {
    if (plan.request.pivot_root) |pivot| pivotRoot(plan, &pivot);
    if (plan.request.chroot_dir) |path| check(plan, linux.chroot(path), .chroot, .chroot_dir);
    // Whatever the directory was, it is not one outside of the root.
    if (plan.hasNewRoot()) check(plan, linux.chdir("/"), .chdir, .new_root);
}

fn pivotRoot(plan: *const Plan, pivot: *const messages.PivotRoot) void {
    // Two names that pivot_root takes are looked up before, so that the one that is wrong can be told.
    check(plan, linux.chdir(pivot.new_root), .chdir, .new_root);
    const opened = linux.openat(linux.AT.FDCWD, pivot.put_old, .{ .PATH = true, .DIRECTORY = true, .CLOEXEC = true }, 0);
    check(plan, opened, .open, .put_old);
    const put_old = sys.asFd(opened);
    check(plan, linux.pivot_root(pivot.new_root, pivot.put_old), .pivot_root, .new_root);
    if (pivot.unmount) {
        // By its handle, as the path may lead elsewhere now: a link on it is looked up in the new root. And by ".", which
        // leads to what is mounted there (man 2 pivot_root).
        check(plan, linux.fchdir(put_old), .fchdir, .put_old);
        check(plan, linux.umount2(".", sys.MNT_DETACH), .umount2, .put_old);
    }
    sys.close(put_old);
}

noinline fn check(plan: *const Plan, result: usize, call: Call, item: messages.Item) void {
    _ = child.check(plan.report, result, .{ .stage = .change_root, .call = call, .item = item });
}

pub fn changeDirectory(plan: *const Plan) void {
    if (plan.request.start_dir) |path| {
        const result = linux.chdir(path);
        // The client's directory, looked up in a mount namespace that it is not in, may be none.
        const default: bool = plan.isJoining(.mount) and isMissing(result);
        _ = child.check(plan.report, if (default) linux.chdir("/") else result, .{
            .stage = .chdir,
            .call = .chdir,
            .item = .start_dir,
        });
    }
    if (plan.request.current_dir) |path| {
        _ = child.check(plan.report, linux.chdir(path), .{ .stage = .chdir, .call = .chdir, .item = .current_dir });
    }
    if (plan.hasNewRoot()) checkInside(plan);
}

/// A path through /proc leads out of the root: to a descriptor that is a directory, or to another process's own.
fn checkInside(plan: *const Plan) void {
    var path: [std.posix.PATH_MAX]u8 = undefined;
    const result = linux.getcwd(&path, path.len);
    // The kernel writes `(unreachable)` in front of what is outside (man 2 getcwd).
    const inside = sys.errnoOf(result) == 0 and path[0] == '/';
    const item: messages.Item = if (plan.request.current_dir != null) .current_dir else .start_dir;
    if (!inside) child.fail(plan.report, .{ .stage = .chdir, .call = .chdir, .errno = @intFromEnum(sys.E.NOENT), .item = item });
}

fn isMissing(result: usize) bool {
    return sys.isError(result, .NOENT) or sys.isError(result, .NOTDIR) or sys.isError(result, .ACCES);
}
