//! Numbers as text. std.fmt does the same and much more, for several KB.
const std = @import("std");

/// Digits of the largest number.
pub const size_max = "4294967295".len;

/// Writes `value` at the start of `buffer`, and returns how many bytes it took.
pub fn write(buffer: []u8, value: u32) usize {
    var digits: [size_max]u8 = undefined;
    var at = digits.len;
    var left = value;
    while (true) {
        at -= 1;
        digits[at] = '0' + @as(u8, @intCast(left % 10));
        left /= 10;
        if (left == 0) break;
    }
    const text = digits[at..];
    @memcpy(buffer[0..text.len], text);
    return text.len;
}

/// The number that `text` is, of digits only; null where it is none, or too large.
pub fn parse(text: []const u8) ?u32 {
    if (text.len == 0 or text.len > size_max) return null;
    var value: u64 = 0;
    for (text) |byte| {
        if (byte < '0' or byte > '9') return null;
        value = 10 * value + byte - '0';
    }
    return std.math.cast(u32, value);
}

/// Text that is put together from pieces, in a buffer that has room for them.
pub const Text = struct {
    buffer: []u8,
    size: usize = 0,

    pub fn add(text: *Text, piece: []const u8) void {
        @memcpy(text.buffer[text.size..][0..piece.len], piece);
        text.size += piece.len;
    }

    pub fn addNumber(text: *Text, value: u32) void {
        text.size += write(text.buffer[text.size..], value);
    }

    /// With a NUL behind it.
    pub fn end(text: *Text) [:0]const u8 {
        text.buffer[text.size] = 0;
        return text.buffer[0..text.size :0];
    }
};

test "numbers are written and read" {
    var buffer: [size_max]u8 = undefined;
    for ([_]u32{ 0, 7, 10, 65_536, std.math.maxInt(u32) }) |value| {
        var expected: [size_max]u8 = undefined;
        const text = buffer[0..write(&buffer, value)];
        try std.testing.expectEqualStrings(try std.fmt.bufPrint(&expected, "{d}", .{value}), text);
        try std.testing.expectEqual(value, parse(text).?);
    }
    for ([_][]const u8{ "", "4294967296", "12a", "-1", "99999999999" }) |text| try std.testing.expectEqual(null, parse(text));
}

test "text of pieces" {
    var buffer: [16]u8 = undefined;
    var text: Text = .{ .buffer = &buffer };
    text.add("/proc/");
    text.addNumber(41);
    try std.testing.expectEqualStrings("/proc/41", text.end());
}
