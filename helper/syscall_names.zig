//! System calls by the names of the kernel's own table, for the architecture that this helper is built for.
const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;
const text = @import("text.zig");

/// Where std has another name than the kernel (asm/unistd.h).
const Renamed = struct { std: []const u8, kernel: []const u8 };

const renamed: []const Renamed = switch (builtin.cpu.arch) {
    .x86_64 => &.{
        .{ .std = "fstatat64", .kernel = "newfstatat" },
        .{ .std = "sysctl", .kernel = "_sysctl" },
    },
    .aarch64, .riscv64 => &.{.{ .std = "fstatat64", .kernel = "newfstatat" }},
    .arm => &.{
        .{ .std = "llseek", .kernel = "_llseek" },
        .{ .std = "newselect", .kernel = "_newselect" },
        .{ .std = "sysctl", .kernel = "_sysctl" },
        .{ .std = "fadvise64_64", .kernel = "arm_fadvise64_64" },
        .{ .std = "sync_file_range", .kernel = "arm_sync_file_range" },
    },
    else => @compileError("no table for this architecture"),
};

const fields = @typeInfo(linux.SYS).@"enum".fields;

/// Every name with a NUL behind it, in the order of `numbers`: a tenth of the size of a table of slices.
const names = blk: {
    @setEvalBranchQuota(100_000);
    var all: []const u8 = "";
    for (fields) |field| all = all ++ kernelName(field.name) ++ "\x00";
    break :blk all[0..all.len].*;
};

/// Those that are numbered apart, on arm, are of no use to a program that is about to be replaced.
const numbers = blk: {
    var list: [fields.len]u16 = undefined;
    for (fields, &list) |field, *number| number.* = if (field.value > std.math.maxInt(u16)) none else field.value;
    break :blk list;
};

const none = std.math.maxInt(u16);

fn kernelName(comptime name: []const u8) []const u8 {
    for (renamed) |pair| {
        if (std.mem.eql(u8, pair.std, name)) return pair.kernel;
    }
    return name;
}

/// Null where the kernel has no call of this name on this architecture.
pub fn numberOf(name: []const u8) ?linux.SYS {
    if (name.len == 0) return null;
    var left: []const u8 = &names;
    for (numbers) |number| {
        const candidate = text.upTo(left, 0);
        if (std.mem.eql(u8, candidate, name)) return if (number == none) null else @enumFromInt(number);
        left = left[candidate.len + 1 ..];
    }
    return null;
}

test "names and numbers are the kernel's" {
    try std.testing.expectEqual(linux.SYS.prctl, numberOf("prctl").?);
    try std.testing.expectEqual(linux.SYS.ioctl, numberOf("ioctl").?);
    try std.testing.expectEqual(null, numberOf("prctl2"));
    try std.testing.expectEqual(null, numberOf("prct"));
    try std.testing.expectEqual(null, numberOf(""));
    if (builtin.cpu.arch == .x86_64) {
        try std.testing.expectEqual(262, @intFromEnum(numberOf("newfstatat").?));
        try std.testing.expectEqual(null, numberOf("fstatat64"));
        try std.testing.expectEqual(0, @intFromEnum(numberOf("read").?));
    }
}
