//! What the helper was started with, and what this kernel can do: read once at the start, constant from then on.
const std = @import("std");
const inherited = @import("inherited.zig");
const limits = @import("limits.zig");
const oom_score = @import("oom_score.zig");
const Call = @import("report.zig").Call;
const sys = @import("sys.zig");
const linux = sys.linux;
const text = @import("text.zig");

pub const Host = struct {
    /// Signals that were ignored and blocked at the start, a bit for each.
    ignored: sys.SignalMask,
    blocked: sys.SignalMask,
    /// Limits on descriptors at the start; the helper's own soft limit is its hard one.
    descriptor_limit: linux.rlimit,
    descriptor_limit_raised: bool,
    /// This process, and a descriptor of it for those that cannot name it: in other pid namespaces; -1 where there is none.
    pid: usize,
    pidfd: sys.fd_t,
    /// The client, by which its directory is found; 0 where it is in a pid namespace outside of this one.
    client: u32,
    uid: u32,
    gid: u32,
    /// The process group that this process was started in: the client's. 0 if its leader is outside of the pid namespace.
    group: sys.pid_t,
    /// This process has moved to its own group, and children that stay with the client return to the client's.
    has_own_group: bool,
    has_clone3: bool,
    /// The highest capability that this kernel knows.
    last_capability: u8,
    hides: Hides,

    /// The call that makes processes, for reports.
    pub fn cloneCall(host: *const Host) Call {
        return if (host.has_clone3) .clone3 else .clone;
    }

    /// Blocks every signal that can be blocked: what a terminal sends to the foreground group is for children and client,
    /// and SIGCHLD comes through a signalfd.
    pub fn prepare(is_for_one_run: bool) Host {
        var host: Host = .{
            .ignored = 0,
            .blocked = 0,
            .descriptor_limit = undefined,
            .descriptor_limit_raised = false,
            .pid = @intCast(linux.getpid()),
            .pidfd = -1,
            .client = @intCast(linux.getppid()),
            .uid = sys.geteuid(),
            .gid = sys.getegid(),
            .group = sys.getpgid(),
            .has_own_group = false,
            .has_clone3 = sys.hasClone3(),
            .last_capability = lastCapability(),
            .hides = undefined,
        };
        host.hides = hide(&host);
        const opened = linux.pidfd_open(linux.getpid(), 0);
        if (sys.errnoOf(opened) == 0) host.pidfd = sys.asFd(opened);
        reduceInheritable(host.last_capability);
        host.leaveGroup();
        host.blocked = sys.exchangeMask(~@as(sys.SignalMask, 0));
        for (1..limits.signal_max + 1) |signal| {
            if (sys.isIgnored(@intCast(signal))) host.ignored |= signalBit(signal);
        }
        // An ignored SIGCHLD would make the kernel reap children by itself.
        _ = sys.setDefault(@intFromEnum(linux.SIG.CHLD));
        inherited.prepare();
        host.raiseDescriptorLimit();
        // A run for one command has begun just now.
        if (is_for_one_run) host.client = 0;
        oom_score.prepare(host.client);
        return host;
    }

    /// A program that stays in the client's group must not reach this process by kill(0, …) or setpriority(PRIO_PGRP, …).
    fn leaveGroup(host: *Host) void {
        // No child could return to a group that has no number here. A leader is in its own group already, unless it is the
        // client's.
        if (host.group == 0 or host.group == linux.getpid()) return;
        // With its parent in another group, each plain program would connect an orphaned group with its session. When the last
        // one ends, and a process of the group is stopped, the kernel sends SIGHUP to the whole group, and the client dies
        // (kill_orphaned_pgrp in kernel/exit.c). Nothing is lost by staying: such a program reaches the client as well.
        if (isOrphaned(host.group)) return;
        host.has_own_group = sys.errnoOf(linux.setpgid(0, 0)) == 0;
    }

    fn raiseDescriptorLimit(host: *Host) void {
        if (sys.errnoOf(linux.prlimit(0, .NOFILE, null, &host.descriptor_limit)) != 0) return;
        if (host.descriptor_limit.cur == host.descriptor_limit.max) return;
        const raised: linux.rlimit = .{ .cur = host.descriptor_limit.max, .max = host.descriptor_limit.max };
        host.descriptor_limit_raised = sys.errnoOf(linux.prlimit(0, .NOFILE, &raised, null)) == 0;
    }
};

/// Whether the client's process group has no parent in another group of the session, as far as the client's own parents show
/// (man 3 setpgid, "orphaned process group").
fn isOrphaned(group: sys.pid_t) bool {
    const session = sys.getsid();
    var pid: u32 = @intCast(linux.getppid());
    for (0..limits.parents_max) |_| {
        const parent = parentOf(pid) orelse return true;
        if (sys.groupOf(@intCast(parent)) != group) return sys.sessionOf(@intCast(parent)) != session;
        pid = parent;
    }
    return true;
}

/// Null if there is none in this pid namespace, or /proc does not show it.
fn parentOf(pid: u32) ?u32 {
    var path_buffer: [32]u8 = undefined;
    var path: text.Text = .{ .buffer = &path_buffer };
    path.add("/proc/");
    path.addNumber(pid);
    path.add("/stat");
    var buffer: [512]u8 = undefined;
    const size = sys.readSmallFile(path.end(), &buffer);
    if (sys.errnoOf(size) != 0) return null;
    return parentIn(buffer[0..size]);
}

/// The name in parentheses may have any bytes in it. Behind it come the state and the parent (man 5 proc).
fn parentIn(stat: []const u8) ?u32 {
    const start = (std.mem.lastIndexOfScalar(u8, stat, ')') orelse return null) + ") S ".len;
    if (start >= stat.len) return null;
    const parent = text.parseNumber(text.upTo(stat[start..], ' ')) orelse return null;
    return if (parent == 0) null else parent;
}

test "the parent in /proc/PID/stat, whatever the name" {
    try std.testing.expectEqual(41, parentIn("7 (a) S 41 7 7 0"));
    try std.testing.expectEqual(41, parentIn("7 (a) R 9 () S 41 7 7 0"));
    try std.testing.expectEqual(null, parentIn("1 (init) S 0 1 1 0"));
    try std.testing.expectEqual(null, parentIn("1 (init"));
    try std.testing.expectEqual(null, parentIn("1 (init)"));
}

/// How a program that has the helper's user id and fewer capabilities is kept from tracing children on their way to execve.
/// Whoever may trace one has its report pipe, and what is in its memory. The kernel compares capabilities (man 2 ptrace,
/// "Ptrace access mode checking"), and some children give up theirs first. It also takes the owner of a new user namespace for
/// privileged in there, which is whoever has the user id.
pub const Hides = enum {
    /// The helper has no capabilities to give up. Its children stay dumpable: an ordinary user's could not write their own
    /// oom_score_adj otherwise (man 5 proc).
    no,
    /// Each child by itself (child.hide): the client opens its pipes in /proc/<helper>/fd, and needs CAP_SYS_PTRACE to look
    /// into a helper that is not dumpable.
    children,
    /// The helper itself is not dumpable, and so is no copy of it, from its first moment on.
    helper,
};

const PTRACE = 19;

/// The client has what the helper has, which it has inherited from there.
fn hide(host: *const Host) Hides {
    const permitted = sys.getCapabilities().permitted;
    if (permitted == 0) return .no;
    // The files below /proc/<helper> are root's then.
    if (permitted >> PTRACE & 1 == 0 or host.uid != 0) return .children;
    return if (sys.errnoOf(sys.prctl(sys.PR_SET_DUMPABLE, 0)) == 0) .helper else .children;
}

/// The kernel refuses to tell whether the bounding set has a capability that there is not.
fn lastCapability() u8 {
    var last: u8 = 0;
    // What is refused otherwise may be there: rather one too many, which cannot be dropped, than one that is kept unseen.
    while (last < 63 and !sys.isError(sys.prctl(sys.PR_CAPBSET_READ, last + 1), .INVAL)) last += 1;
    return last;
}

/// What children could get from a file's inheritable set is what they have as ambient capabilities anyway: more than that
/// is nobody's intention (CVE-2022-27650). The helper itself uses none of it.
fn reduceInheritable(last_capability: u8) void {
    var sets = sys.getCapabilities();
    if (sets.inheritable == 0) return;
    var ambient: u64 = 0;
    for (0..@as(usize, last_capability) + 1) |capability| {
        const is_set = sys.prctlAmbient(sys.PR_CAP_AMBIENT_IS_SET, capability) == 1;
        ambient |= @as(u64, @intFromBool(is_set)) << @intCast(capability);
    }
    if (sets.inheritable == ambient) return;
    sets.inheritable = ambient;
    // Taking away needs no privilege.
    _ = sys.setCapabilities(sets);
}

pub fn signalBit(signal: usize) sys.SignalMask {
    std.debug.assert(signal >= 1 and signal <= limits.signal_max);
    return @as(sys.SignalMask, 1) << @intCast(signal - 1);
}

/// Whether /proc shows the pid namespace that this process is in, so that /proc/<pid> is the process that clone
/// returned: then NSpid has one number, that of getpid (man 5 proc). 0 where it does, ENOENT where it does not, and else the
/// errno by which that is not known.
pub fn procErrno() u16 {
    var buffer: [4096]u8 = undefined;
    const size = sys.readSmallFile("/proc/self/status", &buffer);
    if (sys.errnoOf(size) != 0) return sys.errnoOf(size);
    return if (nsPidIs(buffer[0..size], @intCast(linux.getpid()))) 0 else @intFromEnum(sys.E.NOENT);
}

fn nsPidIs(status: []const u8, pid: u32) bool {
    const key = "\nNSpid:\t";
    const start = (std.mem.findPosLinear(u8, status, 0, key) orelse return false) + key.len;
    return text.parseNumber(text.upTo(status[start..], '\n')) == pid;
}

test "/proc of another pid namespace is told apart" {
    try std.testing.expect(nsPidIs("Name:\ta\nNSpid:\t41\nNSsid:\t3\n", 41));
    try std.testing.expect(!nsPidIs("Name:\ta\nNSpid:\t900\t41\nNSsid:\t3\n", 41));
    try std.testing.expect(!nsPidIs("Name:\ta\nNSpid:\t42\nNSsid:\t3\n", 41));
    try std.testing.expect(!nsPidIs("Name:\ta\n", 41));
}
