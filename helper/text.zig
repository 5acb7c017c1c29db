//! Small texts: numbers, and pieces put together. std does the same and much more, faster, for several KB.
const std = @import("std");

/// Digits of the largest number.
pub const number_size_max = "4294967295".len;

/// The number that `text` is, of digits only; null where it is none, or too large.
pub fn parseNumber(text: []const u8) ?u32 {
    if (text.len == 0 or text.len > number_size_max) return null;
    var value: u64 = 0;
    for (text) |byte| {
        if (byte < '0' or byte > '9') return null;
        value = 10 * value + byte - '0';
    }
    return std.math.cast(u32, value);
}

/// The start of `text`, as far as the first `end`, or all of it.
pub noinline fn upTo(text: []const u8, end: u8) []const u8 {
    for (text, 0..) |byte, at| if (byte == end) return text[0..at];
    return text;
}

/// Text that is put together from pieces, in a buffer that has room for them. None of it is worth a copy at each of its
/// uses.
pub const Text = struct {
    buffer: []u8,
    size: usize = 0,

    pub noinline fn add(text: *Text, piece: []const u8) void {
        @memcpy(text.buffer[text.size..][0..piece.len], piece);
        text.size += piece.len;
    }

    pub noinline fn addNumber(text: *Text, value: u32) void {
        // The compiler would unroll a loop ten times.
        if (value >= 10) text.addNumber(value / 10);
        text.add(&.{'0' + @as(u8, @intCast(value % 10))});
    }

    /// With a NUL behind it.
    pub noinline fn end(text: *Text) [:0]const u8 {
        text.buffer[text.size] = 0;
        return text.buffer[0..text.size :0];
    }
};

test "numbers are written and read" {
    for ([_]u32{ 0, 7, 10, 65_536, std.math.maxInt(u32) }) |value| {
        var buffer: [number_size_max + 1]u8 = undefined;
        var text: Text = .{ .buffer = &buffer };
        text.addNumber(value);
        var expected: [number_size_max]u8 = undefined;
        try std.testing.expectEqualStrings(try std.fmt.bufPrint(&expected, "{d}", .{value}), text.end());
        try std.testing.expectEqual(value, parseNumber(text.end()).?);
    }
    for ([_][]const u8{ "", "4294967296", "12a", "-1", "99999999999" }) |text| try std.testing.expectEqual(null, parseNumber(text));
}

test "a text as far as a byte" {
    try std.testing.expectEqualStrings("ab", upTo("ab=c=", '='));
    try std.testing.expectEqualStrings("abc", upTo("abc", '='));
    try std.testing.expectEqualStrings("", upTo("", '='));
}

test "text of pieces" {
    var buffer: [16]u8 = undefined;
    var text: Text = .{ .buffer = &buffer };
    text.add("/proc/");
    text.addNumber(41);
    try std.testing.expectEqualStrings("/proc/41", text.end());
}
