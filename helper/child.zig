//! The child's way from clone to execve, in the order that docs/protocol.md gives. It makes system calls only, allocates
//! nothing, reads one immutable plan, and does not return: it ends in the program or in a report of what failed.
const std = @import("std");
const linux = std.os.linux;
const credentials = @import("credentials.zig");
const descriptors = @import("descriptors.zig");
const limits = @import("limits.zig");
const namespaces = @import("namespaces.zig");
const Plan = @import("plan.zig").Plan;
const Failure = @import("report.zig").Failure;
const Record = @import("report.zig").Record;
const sys = @import("sys.zig");

const SIGKILL = @intFromEnum(linux.SIG.KILL);

pub fn run(plan: *const Plan) noreturn {
    descriptors.closeForeign(plan);
    // Until the program's own death signal is set: nothing is orphaned on its way.
    setDeathSignal(plan, SIGKILL);
    if (plan.diagnose) |errno| diagnose(plan, errno);
    var sources: descriptors.Sources = undefined;
    descriptors.open(plan, &sources);
    awaitGo(plan);
    credentials.becomeMapped(plan);
    setGroup(plan);
    if (plan.umask) |mask| _ = linux.syscall1(.umask, mask);
    setPropagation(plan);
    changeDirectory(plan);
    // The kernel clears the death signal when ids change.
    const ids_changed = credentials.change(plan);
    if (ids_changed or plan.parent_death_signal != SIGKILL) setDeathSignal(plan, plan.parent_death_signal);
    const report = descriptors.place(plan, &sources);
    restoreLimits(plan, report);
    restoreSignals(plan, report);
    exec(plan, report);
}

/// The value of a call that succeeded. Otherwise the report of its failure, and the end.
pub fn check(report: sys.fd_t, result: usize, failure: Failure) usize {
    const errno = sys.errnoOf(result);
    if (errno == 0) return result;
    var complete = failure;
    complete.errno = errno;
    fail(report, complete);
}

fn fail(report: sys.fd_t, failure: Failure) noreturn {
    writeRecord(report, .{ .kind = .failed, .failure = failure });
    linux.exit_group(1);
}

fn writeRecord(report: sys.fd_t, record: Record) void {
    const written = linux.write(report, std.mem.asBytes(&record), @sizeOf(Record));
    // EPIPE: the helper is gone, and nobody would know of this program.
    if (written != @sizeOf(Record)) linux.exit_group(1);
}

fn setDeathSignal(plan: *const Plan, signal: u8) void {
    const result = sys.prctl(sys.PR_SET_PDEATHSIG, signal);
    _ = check(plan.report, result, .{ .stage = .parent_death_signal, .call = .prctl });
}

/// The kernel refused to clone with the plan's namespaces and does not say which was one too many: asked for one at a
/// time, they give it away.
fn diagnose(plan: *const Plan, errno: u16) noreturn {
    for (namespaces.in_order) |namespace| {
        const flag = namespaces.flagOf(namespace);
        if (plan.namespaces & flag == 0) continue;
        const refused = sys.errnoOf(linux.unshare(flag));
        if (refused == 0) continue;
        fail(plan.report, .{
            .stage = .fork,
            .call = .unshare,
            .errno = refused,
            .item = .namespace,
            .index = @intFromEnum(namespace),
        });
    }
    fail(plan.report, .{ .stage = .fork, .call = if (plan.host.has_clone3) .clone3 else .clone, .errno = errno });
}

fn awaitGo(plan: *const Plan) void {
    if (plan.go < 0) return;
    var byte: [1]u8 = undefined;
    while (true) {
        const count = linux.read(plan.go, &byte, 1);
        if (sys.isError(count, .INTR)) continue;
        // End of file: the helper is gone or has given this command up.
        if (count != 1) linux.exit_group(1);
        return;
    }
}

fn setGroup(plan: *const Plan) void {
    if (!plan.make_group_leader) return;
    _ = check(plan.report, linux.setpgid(0, 0), .{ .stage = .set_pgid, .call = .setpgid });
}

/// Where `/` is shared, as systemd makes it, mounts of the new namespace would show up outside.
fn setPropagation(plan: *const Plan) void {
    if (plan.namespaces & linux.CLONE.NEWNS == 0) return;
    const result = linux.mount(null, "/", null, linux.MS.REC | linux.MS.PRIVATE, 0);
    _ = check(plan.report, result, .{ .stage = .change_root, .call = .mount, .item = .mount_propagation });
}

fn changeDirectory(plan: *const Plan) void {
    if (plan.start_dir) |path| {
        _ = check(plan.report, linux.chdir(path), .{ .stage = .chdir, .call = .chdir, .item = .start_dir });
    }
    if (plan.current_dir) |path| {
        _ = check(plan.report, linux.chdir(path), .{ .stage = .chdir, .call = .chdir, .item = .current_dir });
    }
}

fn restoreLimits(plan: *const Plan, report: sys.fd_t) void {
    if (!plan.host.descriptor_limit_raised) return;
    const result = linux.prlimit(0, .NOFILE, &plan.host.descriptor_limit, null);
    _ = check(report, result, .{ .stage = .stdio_error, .call = .prlimit64 });
}

/// Every signal at its default and none blocked. The helper itself changes no disposition but SIGCHLD's, so only what
/// it was started with ignored needs a call.
fn restoreSignals(plan: *const Plan, report: sys.fd_t) void {
    var ignored = plan.host.ignored;
    while (ignored != 0) : (ignored &= ignored - 1) {
        const result = sys.setDefault(@intCast(@ctz(ignored) + 1));
        _ = check(report, result, .{ .stage = .unknown_error, .call = .rt_sigaction });
    }
    _ = check(report, sys.setMask(0), .{ .stage = .unknown_error, .call = .rt_sigprocmask });
}

fn exec(plan: *const Plan, report: sys.fd_t) noreturn {
    writeRecord(report, .{ .kind = .about_to_exec, .failure = .{ .stage = .unspecified } });
    const result = linux.execve(plan.program, plan.arguments.ptr, plan.environment.ptr);
    const failure: Failure = .{ .stage = .exec, .call = .execve, .item = .program, .errno = sys.errnoOf(result) };
    fail(report, failure);
}
