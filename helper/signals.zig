//! The program's signals: what the helper did to its own is undone.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const Plan = @import("plan.zig").Plan;
const signalBit = @import("host.zig").signalBit;
const sys = @import("sys.zig");

const SIGCHLD: u7 = @intFromEnum(linux.SIG.CHLD);

/// Every signal at its default and none blocked; or all as the helper found it.
pub fn restore(plan: *const Plan, report: sys.fd_t) void {
    if (plan.request.keep_signal_mask) {
        // The only disposition that the helper has changed.
        if (plan.host.ignored & signalBit(SIGCHLD) != 0) check(report, sys.setIgnored(SIGCHLD), SIGCHLD);
        return checkMask(report, plan.host.blocked);
    }
    restoreDefaults(plan, report);
}

pub fn restoreDefaults(plan: *const Plan, report: sys.fd_t) void {
    // Nothing is handled here, so only what the helper was started with ignored needs a call.
    var ignored = plan.host.ignored;
    while (ignored != 0) : (ignored &= ignored - 1) {
        const signal: u7 = @intCast(@ctz(ignored) + 1);
        check(report, sys.setDefault(signal), signal);
    }
    checkMask(report, 0);
}

noinline fn check(report: sys.fd_t, result: usize, signal: u7) void {
    _ = child.check(report, result, .{
        .stage = .unknown_error,
        .call = .rt_sigaction,
        .item = .signals,
        .index = signal,
    });
}

fn checkMask(report: sys.fd_t, mask: sys.SignalMask) void {
    _ = child.check(report, sys.setMask(mask), .{ .stage = .unknown_error, .call = .rt_sigprocmask, .item = .signals });
}
