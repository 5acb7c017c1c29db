//! The child's way from clone to execve, in the order that docs/protocol.md gives. It makes system calls only, allocates
//! nothing, reads a plan that is its own, and does not return: it ends in the program or in a report of what failed.
const std = @import("std");
const linux = std.os.linux;
const capabilities = @import("capabilities.zig");
const credentials = @import("credentials.zig");
const descriptors = @import("descriptors.zig");
const directory = @import("directory.zig");
const Host = @import("host.zig").Host;
const inherited = @import("inherited.zig");
const joiner = @import("joiner.zig");
const keyrings = @import("keyrings.zig");
const namespaces = @import("namespaces.zig");
const Plan = @import("plan.zig").Plan;
const writePid = @import("plan.zig").writePid;
const Failure = @import("report.zig").Failure;
const Record = @import("report.zig").Record;
const roots = @import("roots.zig");
const sessions = @import("sessions.zig");
const signals = @import("signals.zig");
const steps = @import("steps.zig");
const sys = @import("sys.zig");

const SIGKILL = @intFromEnum(linux.SIG.KILL);

/// What the helper's clone returns into: the command's own process, or the one that makes it.
pub noinline fn run(plan: *Plan) noreturn {
    beginUnorphaned(plan.report);
    checkParent(plan.host);
    descriptors.closeForeign(plan);
    sessions.returnToClient(plan);
    if (plan.diagnose) |errno| diagnose(plan, plan.namespaces, errno);
    // The rest goes on when somebody has looked at it: whoever writes its maps, or the client.
    if (!plan.hasMaps() and !plan.request.freeze) hide(plan);
    inherited.follow(plan);
    directory.enterByPath(plan);
    // It is that of the files that are created here.
    if (plan.request.umask) |mask| _ = linux.syscall1(.umask, mask);
    var sources = descriptors.open(plan);
    if (plan.hasJoiner()) joiner.run(plan, &sources);
    becomeProgram(plan, &sources);
}

/// Until the program's own death signal is set: nothing is orphaned on its way.
pub fn beginUnorphaned(report: sys.fd_t) void {
    setDeathSignal(report, SIGKILL);
}

/// Ends this process where the helper has died before the death signal was armed. That the report fails with EPIPE then is not
/// enough: as long as another child is on its way, that one may have a copy of the report's reading end.
pub noinline fn checkParent(host: *const Host) void {
    const parent: usize = linux.syscall0(.getppid);
    if (parent == host.pid) return;
    // 0: it is in a pid namespace outside of this one, dead or alive.
    if (parent == 0 and isAlive(host.pidfd)) return;
    linux.exit_group(1);
}

fn isAlive(pidfd: sys.fd_t) bool {
    // Before Linux 5.3 there is no way to know.
    if (pidfd < 0) return true;
    // The kernel holds a lock while it sends the death signals of a process and then marks it as dead. This asks for the same
    // lock, and for nothing else: so no process is found alive here that has just passed over this one.
    var status: u32 = 0;
    _ = linux.wait4(-1, &status, linux.W.NOHANG, null);
    var waiting = [_]linux.pollfd{.{ .fd = pidfd, .events = linux.POLL.IN, .revents = 0 }};
    return linux.poll(&waiting, waiting.len, 0) == 0;
}

/// From where the child is in its namespaces on.
pub noinline fn becomeProgram(plan: *Plan, sources: *descriptors.Sources) noreturn {
    if (plan.waitsForGo()) awaitGo(plan);
    hide(plan);
    const ids_mapped = credentials.becomeMapped(plan);
    sessions.lead(plan, sources);
    roots.setPropagation(plan);
    roots.change(plan);
    roots.changeDirectory(plan);
    capabilities.beforeIds(plan);
    const ids_changed = credentials.change(plan);
    capabilities.afterIds(plan);
    keyrings.hide(plan);
    // The kernel clears the death signal when ids or capabilities change.
    const cleared = ids_mapped or ids_changed or plan.request.keep_capabilities != null;
    const death_signal: u8 = @intCast(plan.request.parent_death_signal);
    if (cleared or death_signal != SIGKILL) setDeathSignal(plan.report, death_signal);
    descriptors.openInside(plan, sources);
    const report = descriptors.place(plan, sources);
    // What the helper has changed for itself is undone before the steps: what they set is what the program gets. The limit
    // comes after `place`, which uses numbers beyond it.
    restoreLimits(plan, report);
    signals.restore(plan, report);
    steps.run(plan, report);
    descriptors.closeRanges(plan, report);
    exec(plan, report);
}

/// See host.Hides. A child that shares the helper's memory changes no capabilities, and hiding it would hide the helper.
pub noinline fn hide(plan: *const Plan) void {
    if (plan.host.hides != .children or plan.isPlain()) return;
    const result = sys.prctl(sys.PR_SET_DUMPABLE, 0);
    _ = check(plan.report, result, .{ .stage = .fork, .call = .prctl });
}

/// The value of a call that succeeded. Otherwise the report of its failure, and the end.
pub noinline fn check(report: sys.fd_t, result: usize, failure: Failure) usize {
    const errno = sys.errnoOf(result);
    if (errno == 0) return result;
    var complete = failure;
    complete.errno = errno;
    fail(report, complete);
}

pub noinline fn fail(report: sys.fd_t, failure: Failure) noreturn {
    writeRecord(report, .{ .kind = .failed, .failure = failure });
    linux.exit_group(1);
}

pub fn writeRecord(report: sys.fd_t, record: Record) void {
    const written = linux.write(report, std.mem.asBytes(&record), @sizeOf(Record));
    // EPIPE: the helper is gone, and nobody would know of this program.
    if (written != @sizeOf(Record)) linux.exit_group(1);
}

fn setDeathSignal(report: sys.fd_t, signal: u8) void {
    const result = sys.prctl(sys.PR_SET_PDEATHSIG, signal);
    _ = check(report, result, .{ .stage = .parent_death_signal, .call = .prctl });
}

/// The kernel refused to clone with these namespaces and does not say which was one too many: asked for one at a
/// time, they give it away. The calling process is of no other use any more.
pub noinline fn diagnose(plan: *const Plan, flags: u32, errno: u16) noreturn {
    for (namespaces.in_order) |namespace| {
        if (flags & namespaces.flagOf(namespace) == 0) continue;
        const refused = sys.errnoOf(linux.unshare(namespaces.flagOf(namespace)));
        if (refused == 0) continue;
        fail(plan.report, .{
            .stage = .fork,
            .call = .unshare,
            .errno = refused,
            .item = .namespace,
            .index = @intFromEnum(namespace),
        });
    }
    // ENOMEM: the pid namespace that was joined has lost its init (man 7 pid_namespaces).
    fail(plan.report, .{ .stage = .fork, .call = plan.host.cloneCall(), .errno = errno });
}

/// Waits until whoever has something to do first has done it.
pub fn awaitGo(plan: *const Plan) void {
    std.debug.assert(plan.go >= 0);
    var byte: [1]u8 = undefined;
    while (true) {
        const count = linux.read(plan.go, &byte, 1);
        if (sys.isError(count, .INTR)) continue;
        // End of file: the helper is gone or has given this command up.
        if (count != 1) linux.exit_group(1);
        return;
    }
}

fn restoreLimits(plan: *const Plan, report: sys.fd_t) void {
    const limit = &plan.descriptor_limit;
    if (!plan.host.descriptor_limit_raised and std.meta.eql(limit.*, plan.host.descriptor_limit)) return;
    const result = linux.prlimit(0, .NOFILE, limit, null);
    _ = check(report, result, .{ .stage = .stdio_error, .call = .prlimit64 });
}

fn exec(plan: *Plan, report: sys.fd_t) noreturn {
    writePid(plan);
    writeRecord(report, .{ .kind = .about_to_exec, .failure = .{ .stage = .unspecified } });
    const request = &plan.request;
    const result = linux.execve(request.program, request.arguments.ptr, request.environment.ptr);
    fail(report, .{ .stage = .exec, .call = .execve, .item = .program, .errno = sys.errnoOf(result) });
}
