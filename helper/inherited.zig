//! What a program has of its client, by way of fork, beside descriptors, directory and environment: limits, scheduler and nice
//! value, processors and I/O priority. The helper has those that the client had when it started it. Where the client's are
//! others by now, the command's first process takes them on before it does anything else: later it may be another user.
//!
//! All but the limits belong to a thread, and are those of the thread that has started the helper.
const std = @import("std");
const linux = std.os.linux;
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

const limits_count = 16;
const descriptor_limit = @intFromEnum(linux.rlimit_resource.NOFILE);

/// `struct sched_attr`, SCHED_ATTR_SIZE_VER0.
const SchedAttr = extern struct {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,

    comptime {
        std.debug.assert(@sizeOf(SchedAttr) == 48);
    }
};

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_DEADLINE = 6;
const SCHED_FLAG_RESET_ON_FORK = 1;

/// 8192 processors, the most that Linux can be built for.
const affinity_size = 1024;

const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_CLASS_SHIFT = 13;

pub const State = struct {
    limits: [limits_count]linux.rlimit,
    scheduler: SchedAttr,
    io_priority: usize,
    affinity_length: usize,
    affinity: [affinity_size]u8 align(8),
};

/// The helper's own, as it was started.
var own: State = std.mem.zeroes(State);

/// What the helper has read for a child that cannot name the client: in a new pid namespace.
var for_child: State = undefined;

/// The client's thread, where that is not its first one, which has the number of the process.
pub var thread: u32 = 0;

fn clientThread(plan: *const Plan) u32 {
    return if (plan.host.client == 0 or thread == 0) plan.host.client else thread;
}

/// Before the helper changes its limits for itself.
pub fn prepare() void {
    read(0, &own);
}

/// Before the helper makes the command's first process.
pub noinline fn beforeClone(plan: *Plan) void {
    if (plan.firstNamespaces() & linux.CLONE.NEWPID == 0 or plan.host.client == 0) return;
    for_child = own;
    read(clientThread(plan), &for_child);
}

/// By the command's first process.
pub noinline fn follow(plan: *Plan) void {
    plan.descriptor_limit = plan.host.descriptor_limit;
    const client = clientThread(plan);
    if (client == 0) return;
    if (plan.firstNamespaces() & linux.CLONE.NEWPID != 0) return take(plan, &for_child);
    var now = own;
    read(client, &now);
    take(plan, &now);
}

/// What cannot be read stays as it was.
noinline fn read(pid: u32, state: *State) void {
    for (&state.limits, 0..) |*limit, resource| _ = prlimit(pid, resource, null, limit);
    var scheduler: SchedAttr = undefined;
    if (sys.errnoOf(linux.syscall4(.sched_getattr, pid, @intFromPtr(&scheduler), @sizeOf(SchedAttr), 0)) == 0) {
        if (afterFork(scheduler)) |inherited| state.scheduler = inherited;
    }
    const length = linux.syscall3(.sched_getaffinity, pid, affinity_size, @intFromPtr(&state.affinity));
    if (sys.errnoOf(length) == 0) state.affinity_length = length;
    const io_priority = linux.syscall2(.ioprio_get, IOPRIO_WHO_PROCESS, pid);
    if (sys.errnoOf(io_priority) == 0) state.io_priority = io_priority;
}

/// What a child has by fork (`man 7 sched`); null where there can be none.
fn afterFork(of_parent: SchedAttr) ?SchedAttr {
    var attributes = of_parent;
    if (attributes.flags & SCHED_FLAG_RESET_ON_FORK == 0) {
        return if (attributes.policy == SCHED_DEADLINE) null else attributes;
    }
    attributes.flags = 0;
    switch (attributes.policy) {
        SCHED_FIFO, SCHED_RR, SCHED_DEADLINE => attributes = .{
            .size = of_parent.size,
            .policy = SCHED_OTHER,
            .flags = 0,
            .nice = 0,
            .priority = 0,
            .runtime = 0,
            .deadline = 0,
            .period = 0,
        },
        else => attributes.nice = @max(attributes.nice, 0),
    }
    return attributes;
}

/// More than this process may have by itself, which only another one can have given to the client, it goes without.
fn take(plan: *Plan, wanted: *const State) void {
    for (wanted.limits, own.limits, 0..) |limit, had, resource| {
        if (limit.cur == had.cur and limit.max == had.max) continue;
        if (resource == descriptor_limit) {
            plan.descriptor_limit = limitDescriptors(had.max, limit);
        } else if (sys.errnoOf(prlimit(0, resource, &limit, null)) != 0) {
            _ = prlimit(0, resource, &lower(limit, had.max), null);
        }
    }
    if (!std.mem.eql(u8, std.mem.asBytes(&wanted.scheduler), std.mem.asBytes(&own.scheduler))) {
        _ = linux.syscall3(.sched_setattr, 0, @intFromPtr(&wanted.scheduler), 0);
    }
    if (!std.mem.eql(u8, wanted.affinity[0..wanted.affinity_length], own.affinity[0..own.affinity_length])) {
        _ = linux.syscall3(.sched_setaffinity, 0, wanted.affinity_length, @intFromPtr(&wanted.affinity));
    }
    if (wanted.io_priority != own.io_priority) {
        // Without a class there is no level, but the kernel may tell one.
        const has_class = wanted.io_priority >> IOPRIO_CLASS_SHIFT != 0;
        _ = linux.syscall3(.ioprio_set, IOPRIO_WHO_PROCESS, 0, if (has_class) wanted.io_priority else 0);
    }
}

/// The limit is taken on later: until then, descriptors may be put at numbers beyond it. To raise the hard one needs a
/// privilege that is gone then.
fn limitDescriptors(had_max: u64, limit: linux.rlimit) linux.rlimit {
    if (limit.max <= had_max) return limit;
    const raised: linux.rlimit = .{ .cur = had_max, .max = limit.max };
    return if (sys.errnoOf(prlimit(0, descriptor_limit, &raised, null)) == 0) limit else lower(limit, had_max);
}

fn lower(limit: linux.rlimit, max: u64) linux.rlimit {
    const highest = @min(limit.max, max);
    return .{ .cur = @min(limit.cur, highest), .max = highest };
}

fn prlimit(pid: u32, resource: usize, new: ?*const linux.rlimit, old: ?*linux.rlimit) usize {
    return linux.syscall4(.prlimit64, pid, resource, @intFromPtr(new), @intFromPtr(old));
}

test "what fork leaves of a scheduler" {
    const plain: SchedAttr = .{ .size = 48, .policy = SCHED_OTHER, .flags = 0, .nice = -5, .priority = 0, .runtime = 0, .deadline = 0, .period = 0 };
    try std.testing.expectEqual(plain, afterFork(plain).?);
    var resets = plain;
    resets.flags = SCHED_FLAG_RESET_ON_FORK;
    try std.testing.expectEqual(0, afterFork(resets).?.nice);
    try std.testing.expectEqual(0, afterFork(resets).?.flags);
    resets.policy = SCHED_FIFO;
    resets.priority = 9;
    try std.testing.expectEqual(SCHED_OTHER, afterFork(resets).?.policy);
    try std.testing.expectEqual(0, afterFork(resets).?.priority);
    var deadline = plain;
    deadline.policy = SCHED_DEADLINE;
    try std.testing.expectEqual(null, afterFork(deadline));
}
