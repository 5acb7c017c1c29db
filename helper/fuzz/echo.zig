//! Hands back what it reads on standard input, decoded and encoded again by the helper: the middle of the round trip that
//! test/fuzz/round-trip.ts makes.
//!
//! Each request is a byte, 0 for a ToHelper and 1 for a ToClient, and the message with its length before it. Each answer has
//! its length before it: a byte 0, and the message with another length of its own; or 1, and the name of the error.
const std = @import("std");
const linux = std.os.linux;
const messages = @import("../messages.zig");
const limits = @import("../limits.zig");
const wire = @import("../wire.zig");

const buffer_size = 32 << 20;
var input: [buffer_size]u8 = undefined;
var output: [buffer_size]u8 = undefined;
var arena_buffer: [limits.arenaSize(limits.message_in_size_max)]u8 = undefined;

/// Until the end of standard input.
pub fn run() void {
    var used: usize = 0;
    while (true) {
        const count = linux.read(0, input[used..].ptr, input.len - used);
        if (linux.errno(count) != .SUCCESS or count == 0) return;
        used += count;
        var at: usize = 0;
        while (takeOne(input[at..used])) |size| at += size;
        std.mem.copyForwards(u8, input[0 .. used - at], input[at..used]);
        used -= at;
    }
}

/// How many bytes of a whole request were answered.
fn takeOne(bytes: []const u8) ?usize {
    if (bytes.len == 0) return null;
    const prefix = (wire.peekVarint(bytes[1..]) catch @panic("a length that is none")) orelse return null;
    const start = 1 + prefix.size;
    if (prefix.value > bytes.len - start) return null;
    const body = bytes[start..][0..@intCast(prefix.value)];
    const size = if (bytes[0] == 0) answer(messages.ToHelper, body) else answer(messages.ToClient, body);
    var length: [limits.varint_size_max]u8 = undefined;
    var length_size: usize = 0;
    var left = size;
    while (left >= 0x80) : (left >>= 7) {
        length[length_size] = @as(u8, @truncate(left)) | 0x80;
        length_size += 1;
    }
    length[length_size] = @intCast(left);
    writeAll(length[0 .. length_size + 1]);
    writeAll(output[0..size]);
    return start + body.len;
}

/// Puts the answer into `output`.
fn answer(comptime T: type, body: []const u8) usize {
    var arena: wire.Arena = .{ .buffer = &arena_buffer };
    const message = wire.decode(T, body, &arena) catch |err| return refuse(@errorName(err));
    output[0] = 0;
    inline for (@typeInfo(T).@"struct".fields) |field| {
        if (@field(message, field.name)) |*inside| return 1 + wire.encodeDelimited(T, field.name, inside, output[1..]);
    }
    return refuse("MessageEmpty");
}

fn refuse(name: []const u8) usize {
    output[0] = 1;
    @memcpy(output[1..][0..name.len], name);
    return 1 + name.len;
}

fn writeAll(bytes: []const u8) void {
    var at: usize = 0;
    while (at < bytes.len) {
        const count = linux.write(1, bytes[at..].ptr, bytes.len - at);
        if (linux.errno(count) != .SUCCESS) return;
        at += count;
    }
}
