//! Making the child. There are two ways:
//!
//! * Like fork, for every plan that changes a namespace or a credential: the child has a copy of the helper's memory.
//! * Sharing the helper's memory, for plain plans: no page tables to copy, and none to fault in again on both sides. The
//!   helper does not wait for execve (CLONE_VFORK would hold up every other command while one opens a path on a dead
//!   mount); instead the child has a stack and a plan of its own until its report pipe ends. How many there may be is
//!   limited, and past that a plain plan is launched like fork as well. It sees the memory of all commands, and it cannot hide
//!   from tracers without hiding the helper. It need not: it has all capabilities of the helper until execve, and a process
//!   with fewer may not trace it (man 2 ptrace).
const std = @import("std");
const child = @import("child.zig");
const connection = @import("connection.zig");
const limits = @import("limits.zig");
const Plan = @import("plan.zig").Plan;
const streams = @import("streams.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

const SIGCHLD = @intFromEnum(linux.SIG.CHLD);

/// The child's pid, or the error of clone3 or clone.
pub fn likeFork(plan: *Plan) usize {
    const flags: u64 = plan.firstNamespaces();
    const lends_group = plan.inheritsGroup() and !plan.leadsGroup() and plan.host.has_own_group;
    if (lends_group) plan.group_lost = sys.errnoOf(linux.setpgid(0, plan.host.group)) != 0;
    const result = sys.cloneLikeFork(plan.host.has_clone3, flags, SIGCHLD);
    if (result == 0) {
        forgetOthers(plan);
        child.run(plan);
    }
    if (lends_group) _ = linux.setpgid(0, 0);
    return result;
}

/// In a copy of the helper's memory: gives up what belongs to other commands.
pub noinline fn forgetOthers(plan: *const Plan) void {
    connection.forget();
    streams.forget();
    for (&places) |*place| if (plan == place.plan) place.forgetEarlier() else place.free();
}

/// The child's pid, or the error of clone. `place` is taken until the report pipe ends.
pub fn sharingMemory(place: *Place) usize {
    const stack = place.pages.?[guard_size..][0..limits.shared_launch_stack_size];
    // aarch64, riscv64: the stack pointer has to be a multiple of 16, and clone does not see to it.
    const top = @intFromPtr(stack.ptr) + stack.len;
    std.debug.assert(top % 16 == 0);
    const flags = linux.CLONE.VM | SIGCHLD;
    return linux.clone(runShared, top, flags, @intFromPtr(place.plan), null, 0, null);
}

fn runShared(argument: usize) callconv(.c) u8 {
    const plan: *Plan = @ptrFromInt(argument);
    child.run(plan);
}

const guard_size = std.heap.page_size_max;
const plan_at = guard_size + limits.shared_launch_stack_size;
const arena_at = plan_at + std.mem.alignForward(usize, @sizeOf(Plan), 16);
const place_size = arena_at + limits.shared_launch_arena_size;

comptime {
    std.debug.assert(plan_at % @alignOf(Plan) == 0);
}

/// What a child that shares the helper's memory needs for itself: a guard page, its stack, and its plan with all that it
/// points to.
pub const Place = struct {
    pages: ?[]align(std.heap.page_size_min) u8 = null,
    /// In `pages`.
    plan: ?*Plan = null,
    taken: bool = false,
    /// How much of the arena the present command takes. Behind it there is what earlier ones have left.
    used: usize = 0,

    fn forgetEarlier(place: *Place) void {
        const rest = place.arena()[place.used..];
        const page = std.mem.alignForward(usize, @intFromPtr(rest.ptr), std.heap.page_size_max) - @intFromPtr(rest.ptr);
        @memset(rest[0..@min(page, rest.len)], 0);
        if (page < rest.len) sys.forgetPages(@alignCast(rest[page..]));
    }

    pub fn arena(place: *Place) []u8 {
        return place.pages.?[arena_at..];
    }

    fn free(place: *Place) void {
        if (place.pages) |pages| sys.freePages(pages);
        place.pages = null;
        place.plan = null;
    }

    pub fn release(place: *Place) void {
        std.debug.assert(place.taken);
        place.taken = false;
    }
};

var places: [limits.shared_launches_max]Place = @splat(.{});

/// As at the start, for the fuzz program; but they keep their memory, and some are taken for good.
pub fn reset(taken_count: usize) void {
    for (&places, 0..) |*place, index| place.taken = index < taken_count;
}

/// For a process that needs no plan any more, not its own either.
pub fn forgetAll() void {
    for (&places) |*place| place.free();
}

/// A place that is free, the same ones first, so that few are ever touched.
pub fn takePlace() ?*Place {
    for (&places) |*place| {
        if (place.taken) continue;
        if (place.pages == null) {
            const pages = sys.allocatePages(place_size) orelse return null;
            const guarded = linux.mprotect(pages.ptr, guard_size, .{});
            if (sys.errnoOf(guarded) != 0) {
                sys.freePages(pages);
                return null;
            }
            place.pages = pages;
            place.plan = @ptrCast(@alignCast(pages[plan_at..].ptr));
        }
        place.taken = true;
        return place;
    }
    return null;
}
