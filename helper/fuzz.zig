//! The fuzz program: lives of helpers (fuzz/life.zig), one after the other, whose clients send right, nearly right and mutilated
//! messages; and after each some messages for the decoder alone (fuzz/decoding.zig). It says how many there were; a bug ends it with the number of the life.
//!
//!     helper-fuzz [--seconds N] [--count N] [--seed N]
//!     helper-fuzz --life N             lives it again, and tells each step
//!     helper-fuzz --write N FILE       writes it into a file of the corpus
//!     helper-fuzz --corpus FILE…       lives those of such files
//!     helper-fuzz --echo               see fuzz/echo.zig
const std = @import("std");
const linux = std.os.linux;
const commands = @import("commands.zig");
const decoding = @import("fuzz/decoding.zig");
const echo = @import("fuzz/echo.zig");
const generator = @import("fuzz/generator.zig");
const life = @import("fuzz/life.zig");
const model = @import("fuzz/model.zig");
const world = @import("fuzz/world.zig");

pub const panic = std.debug.FullPanic(tellBug);

/// What is lived just now.
var current: union(enum) { nothing, life: u64, file: []const u8 } = .nothing;

fn tellBug(message: []const u8, address: ?usize) noreturn {
    @branchHint(.cold);
    switch (current) {
        .nothing => {},
        .life => |seed| std.debug.print("BUG: {s}; again with --life {d}\n", .{ message, seed }),
        .file => |name| std.debug.print("BUG: {s}, by {s}\n", .{ message, name }),
    }
    std.debug.defaultPanic(message, address);
}

const Options = struct {
    seconds: u64 = std.math.maxInt(u32),
    count: u64 = std.math.maxInt(u64),
    seed: ?u64 = null,
    life: ?u64 = null,
};

pub fn main(init: std.process.Init) !u8 {
    commands.prepare();
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    var options: Options = .{};
    var at: usize = 1;
    while (at < arguments.len) : (at += 2) {
        const name = arguments[at];
        if (std.mem.eql(u8, name, "--corpus")) return replay(init, arguments[at + 1 ..]);
        if (std.mem.eql(u8, name, "--echo")) {
            echo.run();
            return 0;
        }
        if (at + 1 == arguments.len) return usage();
        const value = std.fmt.parseInt(u64, arguments[at + 1], 10) catch return usage();
        if (std.mem.eql(u8, name, "--write") and at + 3 == arguments.len) return writeLife(init, value, arguments[at + 2]);
        if (std.mem.eql(u8, name, "--seconds")) {
            options.seconds = value;
        } else if (std.mem.eql(u8, name, "--count")) {
            options.count = value;
        } else if (std.mem.eql(u8, name, "--seed")) {
            options.seed = value;
        } else if (std.mem.eql(u8, name, "--life")) {
            options.life = value;
        } else return usage();
    }
    if (options.life) |seed| {
        var memory: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
        world.is_told = true;
        liveOne(seed, &memory);
        std.debug.print("life {d}: nothing was found\n", .{seed});
    } else run(options);
    return 0;
}

fn usage() u8 {
    std.debug.print("Usage: helper-fuzz [--seconds N] [--count N] [--seed N] | --life N | --write N FILE | --corpus FILE… | --echo\n", .{});
    return 64;
}

/// How many messages were decoded besides those of the lives.
var decoded: u64 = 0;

fn liveOne(seed: u64, memory: *std.heap.ArenaAllocator) void {
    _ = memory.reset(.{ .retain_with_limit = 4 << 20 });
    current = .{ .life = seed };
    life.live(seed, generator.generate(seed, memory.allocator()));
    decoded += decoding.decodeMany(seed, memory.allocator());
}

fn run(options: Options) void {
    var memory: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
    const start = now();
    const seed = options.seed orelse start;
    var seeds: std.Random.SplitMix64 = .init(seed);
    var count: u64 = 0;
    while (count < options.count) : (count += 1) {
        if (count % 1024 == 0 and now() - start >= options.seconds * std.time.ns_per_s) break;
        liveOne(seeds.next(), &memory);
    }
    current = .nothing;
    const totals = model.totals;
    std.debug.print("{d} lives of helpers from seed {d}: {d} messages, {d} commands started, {d} executed, {d} refused, " ++
        "{d} connections closed; and {d} messages decoded\n", .{
        count,
        seed,
        totals.frames,
        totals.started,
        totals.executed,
        totals.refused,
        totals.closed,
        decoded,
    });
}

fn writeLife(init: std.process.Init, seed: u64, name: []const u8) !u8 {
    const bytes = generator.generate(seed, init.arena.allocator());
    const file = try std.mem.concat(init.arena.allocator(), u8, &.{ std.mem.asBytes(&std.mem.nativeToLittle(u64, seed)), bytes });
    try std.Io.Dir.cwd().writeFile(init.io, .{ .sub_path = name, .data = file });
    return 0;
}

/// Each file has the eight bytes of a seed, and what the client sends.
fn replay(init: std.process.Init, names: []const [:0]const u8) !u8 {
    for (names) |name| {
        const bytes = try std.Io.Dir.cwd().readFileAlloc(init.io, name, init.gpa, .limited(16 << 20));
        defer init.gpa.free(bytes);
        if (bytes.len < 8) continue;
        current = .{ .file = name };
        life.live(std.mem.readInt(u64, bytes[0..8], .little), bytes[8..]);
    }
    current = .nothing;
    std.debug.print("{d} files\n", .{names.len});
    return 0;
}

fn now() u64 {
    var time: linux.timespec = undefined;
    _ = linux.clock_gettime(.MONOTONIC, &time);
    return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
}
