//! The same lives for Zig's own fuzzer, which looks for inputs that reach code not reached before: `zig build fuzz-guided --fuzz`.
const std = @import("std");
const commands = @import("commands.zig");
const generator = @import("fuzz/generator.zig");
const life = @import("fuzz/life.zig");

test "lives of helpers" {
    commands.prepare();
    try std.testing.fuzz({}, live, .{});
}

fn live(_: void, smith: *std.testing.Smith) !void {
    @disableInstrumentation();
    var memory: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer memory.deinit();
    const seed = smith.value(u64);
    var buffer: [4096]u8 = undefined;
    // Its own bytes alone seldom make a message.
    const bytes = if (smith.value(bool)) generator.generate(seed, memory.allocator()) else "";
    const more = buffer[0..smith.slice(&buffer)];
    life.live(seed, try std.mem.concat(memory.allocator(), u8, &.{ bytes, more }));
}
