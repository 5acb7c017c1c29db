//! The process in between, where a command joins namespaces or gets a new time namespace: both take effect for the next
//! process, or must be done by one that is in none of the new ones yet. It joins, makes the command's own process as a
//! sibling, so that the helper is its parent, tells the helper which one it is, and ends.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const descriptors = @import("descriptors.zig");
const procErrno = @import("host.zig").procErrno;
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
    } else if (plan.hasMaps()) child.awaitGo(plan);
    if (plan.has(.time)) unshareTime(plan);
    makeChild(plan, sources, proc);
}

/// Keeps processes of the same user, and those of a joined namespace, from tracing this one until execve (man 2 ptrace).
pub fn hideFromTracers(plan: *const Plan) void {
    setDumpable(plan, false);
}

fn setDumpable(plan: *const Plan, dumpable: bool) void {
    const result = sys.prctl(sys.PR_SET_DUMPABLE, @intFromBool(dumpable));
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

fn makeChild(plan: *Plan, sources: *descriptors.Sources, proc: sys.fd_t) noreturn {
    const pipes: ?MapPipes = if (plan.mapsWriter() == .joiner)
        .{ .ready = makePipe(plan), .mapped = makePipe(plan) }
    else
        null;
    var result = clone(plan);
    if (sys.errnoOf(result) != 0) {
        if (plan.lastNamespaces() != 0) tryOneByOne(plan);
        // ENOMEM: the pid namespace that was joined has lost its init (man 7 pid_namespaces).
        result = child.check(plan.report, result, .{ .stage = .fork, .call = plan.host.cloneCall() });
    }
    if (result == 0) {
        const kept: [2]sys.fd_t = if (pipes) |both| .{ both.mapped[0], both.ready[1] } else .{ -1, -1 };
        child.beginUnorphaned(plan.report);
        child.checkParent(plan.host);
        descriptors.closeForeignWith(plan, sources, kept);
        if (pipes) |both| awaitMaps(plan, both);
        child.becomeProgram(plan, sources);
    }
    const pid: sys.pid_t = @intCast(result);
    // First of all: whatever becomes of this process, the helper can end that one, and knows whether it is dead.
    child.writeRecord(plan.report, .{ .kind = .joined, .failure = .{ .stage = .unspecified, .index = @intCast(pid) } });
    if (pipes) |both| writeMaps(plan, both, proc, pid);
    linux.exit_group(0);
}

const MapPipes = struct {
    /// A byte comes when the child has closed what is not its own and can be looked at; the end without it, when it is dead.
    ready: [2]sys.fd_t,
    /// Nothing is sent: it ends when the maps are written, or this process is dead.
    mapped: [2]sys.fd_t,
};

fn writeMaps(plan: *const Plan, pipes: MapPipes, proc: sys.fd_t, pid: sys.pid_t) void {
    sys.close(pipes.ready[1]);
    // By what it has died is known once it is reaped.
    if (readByte(pipes.ready[0]) != 1) child.fail(plan.report, .{ .stage = .unspecified });
    if (id_maps.write(plan, proc, pid)) |failure| child.fail(plan.report, failure);
}

/// The maps are written by a process that may open the files in /proc only as long as this one is dumpable.
fn awaitMaps(plan: *const Plan, pipes: MapPipes) void {
    setDumpable(plan, true);
    _ = linux.write(pipes.ready[1], "r", 1);
    sys.close(pipes.ready[1]);
    _ = readByte(pipes.mapped[0]);
    hideFromTracers(plan);
    sys.close(pipes.mapped[0]);
}

/// 0 at the end of the pipe.
fn readByte(pipe: sys.fd_t) usize {
    var byte: [1]u8 = undefined;
    while (true) {
        const count = linux.read(pipe, &byte, 1);
        if (!sys.isError(count, .INTR)) return count;
    }
}

fn makePipe(plan: *const Plan) [2]sys.fd_t {
    var ends: [2]sys.fd_t = undefined;
    const result = linux.pipe2(&ends, .{ .CLOEXEC = true });
    _ = child.check(plan.report, result, .{ .stage = .create_pipe, .call = .pipe2 });
    return ends;
}

/// As a child of the helper. With CLONE_PARENT, the exit signal is this process's own, SIGCHLD.
inline fn clone(plan: *const Plan) usize {
    const flags: u64 = plan.lastNamespaces() | linux.CLONE.PARENT;
    return sys.cloneLikeFork(plan.host.has_clone3, flags, 0);
}

/// The kernel does not say which of several namespaces it refused. This process is not needed any more.
fn tryOneByOne(plan: *const Plan) void {
    for (namespaces.in_order) |namespace| {
        const flag = namespaces.flagOf(namespace);
        if (plan.lastNamespaces() & flag == 0) continue;
        _ = child.check(plan.report, linux.unshare(flag), .{
            .stage = .fork,
            .call = .unshare,
            .item = .namespace,
            .index = @intFromEnum(namespace),
        });
    }
}
