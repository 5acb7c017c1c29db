//! One life of a helper: from its Hello to its end, with the bytes of one client, in a world of its own.
const std = @import("std");
const commands = @import("../commands.zig");
const connection = @import("../connection.zig");
const Host = @import("../host.zig").Host;
const launch = @import("../launch.zig");
const limits = @import("../limits.zig");
const loop = @import("../loop.zig");
const once = @import("../once.zig");
const plans = @import("../plan.zig");
const reaper = @import("../reaper.zig");
const requests = @import("../requests.zig");
const standard = @import("../standard.zig");
const starter = @import("../starter.zig");
const streams = @import("../streams.zig");
const terminal = @import("../terminal.zig");
const kernel = @import("kernel.zig");
const model = @import("model.zig");
const world = @import("world.zig");

/// `seed` decides what the helper was started for and with, and all that happens around it.
pub fn live(seed: u64, bytes: []const u8) void {
    var dice_state: std.Random.DefaultPrng = .init(~seed);
    const dice = dice_state.random();
    const kind = dice.uintLessThan(u8, 8);
    const kept: usize = if (kind < 2) dice.uintAtMost(usize, if (dice.boolean()) 4 else limits.kept_descriptors_max) else 0;
    world.reset(seed, bytes, kept, dice.uintLessThan(u8, 3) == 0);
    const parts = .{ commands, connection, once, reaper, requests, standard, starter, streams, terminal };
    inline for (parts) |part| part.reset();
    launch.reset(if (dice.uintLessThan(u8, 4) == 0) limits.shared_launches_max else 0);
    standard.is_for_one = kind == 0;
    once.active = kind == 1;
    plans.kept_descriptors = (@as(plans.KeptSet, 1) << @intCast(kept)) - 1;
    const host: Host = .{
        .ignored = 0,
        .blocked = 0,
        .descriptor_limit = .{ .cur = 1024, .max = 4096 },
        .descriptor_limit_raised = dice.boolean(),
        .pid = kernel.own_pid,
        .client = 0,
        .pidfd = -1,
        .uid = if (dice.boolean()) 0 else 1000,
        .gid = if (dice.boolean()) 0 else 1000,
        .group = kernel.own_pid,
        .has_own_group = dice.boolean(),
        .has_clone3 = dice.boolean(),
        .last_capability = if (dice.boolean()) 40 else 37,
        .hides = .no,
    };
    terminal.client_group = host.group;
    model.reset(&host, plans.kept_descriptors);
    connection.send("hello", &.{ .protocol = 1, .version = "0", .pid = kernel.own_pid, .sealed = true });
    model.finish(loop.run(&host));
}
