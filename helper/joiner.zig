//! The process in between, where a command joins namespaces, gets a new time namespace or has files opened that it could not
//! open in its new user namespace: that takes effect for the next process, or must be done by one that is in none of the new ones yet. It joins, makes the command's own process as a
//! sibling, so that the helper is its parent, tells the helper which one it is, and ends.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const descriptors = @import("descriptors.zig");
const procErrno = @import("host.zig").procErrno;
const holder = @import("holder.zig");
const id_maps = @import("id_maps.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const namespaces = @import("namespaces.zig");
const Plan = @import("plan.zig").Plan;
const report = @import("report.zig");
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;

const SIGCHLD = @intFromEnum(linux.SIG.CHLD);

/// An open namespace, until it is joined.
const Opened = struct { namespace: messages.Namespace, fd: sys.fd_t };

pub noinline fn run(plan: *Plan, sources: *descriptors.Sources) noreturn {
    var buffer: [limits.joins_max]Opened = undefined;
    const opened = openAll(plan, &buffer);
    // Later, /proc may be that of another mount namespace.
    const proc = if (plan.mapsWriter() == .joiner) openProc(plan) else -1;
    if (plan.joins != 0) {
        // From the first join on, a process in there could trace this one, which has what the helper has (CVE-2016-9962).
        hideFromTracers(plan);
        joinAll(plan, opened);
        // In a user namespace of another user, the kernel has set it to fs.suid_dumpable (man 5 proc).
        hideFromTracers(plan);
    } else if (plan.hasMaps() and !plan.opensFirst()) {
        child.awaitGo(plan);
        child.hide(plan);
    }
    if (plan.has(.time)) unshareTime(plan);
    if (proc >= 0 and plan.joins != 0) {
        holder.enterMapped(plan, proc);
        sys.close(proc);
    }
    makeChild(plan, sources, proc);
}

/// Keeps processes of the same user, and those of a joined namespace, from tracing this one and the command's own until
/// execve (man 2 ptrace).
fn hideFromTracers(plan: *const Plan) void {
    const result = sys.prctl(sys.PR_SET_DUMPABLE, 0);
    _ = child.check(plan.report, result, .{ .stage = .set_ns, .call = .prctl });
}

fn openAll(plan: *const Plan, buffer: *[limits.joins_max]Opened) []Opened {
    for (plan.request.joins, buffer[0..plan.request.joins.len]) |join, *opened| {
        if (join.helper_descriptor > 0) {
            opened.* = .{ .namespace = join.namespace, .fd = @intCast(join.helper_descriptor) };
            continue;
        }
        var proc_path: [64]u8 = undefined;
        const path = if (join.pid == 0) join.path else pathOf(plan, join, &proc_path);
        const result = linux.openat(linux.AT.FDCWD, path, .{ .CLOEXEC = true }, 0);
        opened.* = .{ .namespace = join.namespace, .fd = sys.asFd(check(plan, result, .open, join.namespace)) };
    }
    return buffer[0..plan.request.joins.len];
}

fn pathOf(plan: *const Plan, join: messages.Join, buffer: *[64]u8) [:0]const u8 {
    const errno = procErrno();
    if (errno != 0) child.fail(plan.report, .{
        .stage = .set_ns,
        .call = .open,
        .errno = errno,
        .item = .join,
        .index = @intFromEnum(join.namespace),
        .detail = .ofProc(errno),
    });
    var path: Text = .{ .buffer = buffer };
    path.add("/proc/");
    path.addNumber(join.pid);
    path.add("/ns/");
    path.add(namespaces.fileOf(join.namespace));
    return path.end();
}

fn openProc(plan: *const Plan) sys.fd_t {
    const result = linux.openat(linux.AT.FDCWD, "/proc", .{ .PATH = true, .DIRECTORY = true, .CLOEXEC = true }, 0);
    return sys.asFd(child.check(plan.report, result, .{ .stage = .set_id_map, .call = .open, .item = .uid_map }));
}

/// In three passes, as runc does: what the present privileges allow, which is all for root; then the user namespace, which
/// brings privileges and may take the outer ones away; then what was refused at first. The mount namespace comes last in its
/// pass: it changes what paths mean.
fn joinAll(plan: *const Plan, opened: []Opened) void {
    joinPass(plan, opened, true);
    for (opened) |*one| {
        if (one.namespace == .user) joinOne(plan, one, false);
    }
    joinPass(plan, opened, false);
}

const order = [_]messages.Namespace{ .ipc, .uts, .net, .pid, .cgroup, .time, .mount };

fn joinPass(plan: *const Plan, opened: []Opened, again_if_refused: bool) void {
    for (order) |namespace| for (opened) |*one| {
        if (one.namespace == namespace and one.fd >= 0) joinOne(plan, one, again_if_refused);
    };
}

noinline fn joinOne(plan: *const Plan, one: *Opened, again_if_refused: bool) void {
    const result = linux.setns(one.fd, namespaces.flagOf(one.namespace));
    if (again_if_refused and plan.isJoining(.user) and sys.isError(result, .PERM)) return;
    _ = check(plan, result, .setns, one.namespace);
    // Neither this process nor the next one keeps a way out of what it has joined.
    sys.close(one.fd);
    one.fd = -1;
}

noinline fn check(plan: *const Plan, result: usize, call: report.Call, namespace: messages.Namespace) usize {
    return child.check(plan.report, result, .{
        .stage = .set_ns,
        .call = call,
        .item = .join,
        .index = @intFromEnum(namespace),
    });
}

fn unshareTime(plan: *const Plan) void {
    _ = child.check(plan.report, linux.unshare(linux.CLONE.NEWTIME), .{
        .stage = .fork,
        .call = .unshare,
        .item = .namespace,
        .index = @intFromEnum(messages.Namespace.time),
    });
}

/// Writes the maps of a user namespace that it is in, unless this process has entered that itself.
fn makeChild(plan: *Plan, sources: *descriptors.Sources, proc: sys.fd_t) noreturn {
    // As a child of the helper. With CLONE_PARENT, the exit signal is this process's own, SIGCHLD.
    const flags: u64 = plan.lastNamespaces() | linux.CLONE.PARENT;
    const result = sys.cloneLikeFork(plan.host.has_clone3, flags, 0);
    const errno = sys.errnoOf(result);
    if (errno != 0) child.diagnose(plan, plan.lastNamespaces(), errno);
    if (result == 0) {
        child.beginUnorphaned(plan.report);
        child.checkParent(plan.host);
        descriptors.closeForeignWith(plan, sources);
        child.becomeProgram(plan, sources);
    }
    // First of all: whatever becomes of this process, the helper can end that one, and knows whether it is dead.
    child.writeRecord(plan.report, .{ .kind = .joined, .failure = .{ .stage = .unspecified, .index = @intCast(result) } });
    // It waits until this process has ended.
    if (plan.opensFirst() and plan.mapsWriter() == .joiner) {
        if (id_maps.write(plan, proc, @intCast(result))) |failure| child.fail(plan.report, failure);
    }
    linux.exit_group(0);
}
