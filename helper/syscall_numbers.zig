//! Which numbers are system calls, on the architecture that this helper is built for.
const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

const Range = struct { first: u32, last: u32 };

/// The numbers that std knows, of which most follow each other.
const known = blk: {
    @setEvalBranchQuota(10_000);
    const fields = @typeInfo(linux.SYS).@"enum".fields;
    var ranges: [fields.len]Range = undefined;
    var count: usize = 0;
    for (fields) |field| {
        if (count > 0 and ranges[count - 1].last + 1 == field.value) {
            ranges[count - 1].last += 1;
        } else {
            ranges[count] = .{ .first = field.value, .last = field.value };
            count += 1;
        }
    }
    break :blk ranges[0..count].*;
};

/// The call of this number, or null where there is none.
pub fn callOf(number: u32) ?linux.SYS {
    for (known) |range| {
        if (number >= range.first and number <= range.last) return @enumFromInt(number);
    }
    return null;
}

test "numbers that there are, and others" {
    try std.testing.expectEqual(linux.SYS.prctl, callOf(@intFromEnum(linux.SYS.prctl)).?);
    try std.testing.expectEqual(linux.SYS.clone3, callOf(@intFromEnum(linux.SYS.clone3)).?);
    try std.testing.expectEqual(null, callOf(std.math.maxInt(u32)));
    try std.testing.expectEqual(null, callOf(std.math.maxInt(u16)));
    if (builtin.cpu.arch == .x86_64) try std.testing.expectEqual(null, callOf(400));
}
