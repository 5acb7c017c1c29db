//! A second decoder of the helper's messages, written plainly and apart from wire.zig: what the fuzz program holds that one
//! against. It says whether bytes are a message, not what is wrong with them.
const std = @import("std");
const Allocator = std.mem.Allocator;
const limits = @import("../limits.zig");
const wire = @import("../wire.zig");

pub const Error = error{ Malformed, OutOfMemory };

pub const Notes = struct {
    /// A list has more elements than it may have.
    list_too_long: bool = false,
    /// A field of which only the last one counts is there more than once: its earlier values may use up the arena.
    repeated: bool = false,
};

/// A message with its lists complete, also where they are too long.
pub fn decode(comptime T: type, bytes: []const u8, allocator: Allocator, notes: *Notes) Error!T {
    var message: T = .{};
    const fields = @typeInfo(T).@"struct".fields;
    var lists: Lists(T) = .{};
    var seen: [fields.len]bool = @splat(false);
    var at: usize = 0;
    next: while (at < bytes.len) {
        const key = try varint(bytes, &at);
        const number = key >> 3;
        if (number == 0 or number >= 1 << 29) return error.Malformed;
        const wire_type: u3 = @truncate(key);
        inline for (fields, 0..) |field, index| {
            if (number == @field(T.numbers, field.name)) {
                if (comptime isList(field.type)) {
                    try append(Element(field.type), &@field(lists, field.name), bytes, &at, wire_type, allocator, notes);
                } else {
                    if (seen[index]) notes.repeated = true;
                    seen[index] = true;
                    @field(message, field.name) = try value(Inner(field.type), bytes, &at, wire_type, allocator, notes);
                }
                continue :next;
            }
        }
        try skip(bytes, &at, number, wire_type, 0);
    }
    inline for (fields) |field| if (comptime isList(field.type)) {
        const list = &@field(lists, field.name);
        if (list.items.len > @field(T.maxima, field.name)) notes.list_too_long = true;
        @field(message, field.name) = if (field.type == wire.Strings)
            try list.toOwnedSliceSentinel(allocator, null)
        else
            list.items;
    };
    return message;
}

fn isString(comptime T: type) bool {
    return T == [:0]const u8 or T == []u8;
}

fn isList(comptime T: type) bool {
    return @typeInfo(T) == .pointer and !isString(T);
}

fn Element(comptime List: type) type {
    return if (List == wire.Strings) ?[*:0]const u8 else @typeInfo(List).pointer.child;
}

/// Without being optional.
fn Inner(comptime T: type) type {
    return if (@typeInfo(T) == .optional) @typeInfo(T).optional.child else T;
}

/// A struct with a growing list for each list of T.
fn Lists(comptime T: type) type {
    const fields = @typeInfo(T).@"struct".fields;
    var names: []const []const u8 = &.{};
    var types: []const type = &.{};
    var attributes: []const std.builtin.Type.StructField.Attributes = &.{};
    for (fields) |field| if (isList(field.type)) {
        const List = std.ArrayList(Element(field.type));
        names = names ++ .{field.name};
        types = types ++ .{List};
        const empty: List = .empty;
        attributes = attributes ++ .{std.builtin.Type.StructField.Attributes{ .default_value_ptr = &empty }};
    };
    return @Struct(.auto, null, names[0..names.len], types[0..types.len], attributes[0..attributes.len]);
}

fn append(
    comptime T: type,
    list: *std.ArrayList(T),
    bytes: []const u8,
    at: *usize,
    wire_type: u3,
    allocator: Allocator,
    notes: *Notes,
) Error!void {
    const is_scalar = T == u32 or @typeInfo(T) == .@"enum";
    if (is_scalar and wire_type == 2) {
        const inside = try delimited(bytes, at);
        var inside_at: usize = 0;
        while (inside_at < inside.len) try list.append(allocator, try value(T, inside, &inside_at, 0, allocator, notes));
    } else try list.append(allocator, try value(T, bytes, at, wire_type, allocator, notes));
}

fn value(comptime T: type, bytes: []const u8, at: *usize, wire_type: u3, allocator: Allocator, notes: *Notes) Error!T {
    const info = @typeInfo(T);
    const is_varint = T == bool or T == u32 or T == u64 or info == .@"enum";
    if (wire_type != @as(u3, if (is_varint) 0 else 2)) return error.Malformed;
    if (is_varint) {
        const number = try varint(bytes, at);
        if (T == bool) return number != 0;
        if (info == .@"enum") return std.enums.fromInt(T, number) orelse error.Malformed;
        return std.math.cast(T, number) orelse error.Malformed;
    }
    const inside = try delimited(bytes, at);
    if (info == .@"struct") return decode(T, inside, allocator, notes);
    const copy = try allocator.dupeZ(u8, inside);
    if (T == []u8) return copy;
    if (std.mem.indexOfScalar(u8, inside, 0) != null) return error.Malformed;
    return copy;
}

fn skip(bytes: []const u8, at: *usize, number: u64, wire_type: u3, depth: usize) Error!void {
    switch (wire_type) {
        0 => _ = try varint(bytes, at),
        1 => try advance(bytes, at, 8),
        2 => _ = try delimited(bytes, at),
        3 => {
            if (depth == limits.group_depth_max) return error.Malformed;
            while (true) {
                if (at.* == bytes.len) return error.Malformed;
                const key = try varint(bytes, at);
                const inner = key >> 3;
                if (inner == 0 or inner >= 1 << 29) return error.Malformed;
                if (key & 7 == 4) {
                    if (inner != number) return error.Malformed;
                    return;
                }
                try skip(bytes, at, inner, @truncate(key), depth + 1);
            }
        },
        4, 6, 7 => return error.Malformed,
        5 => try advance(bytes, at, 4),
    }
}

fn advance(bytes: []const u8, at: *usize, count: u64) Error!void {
    if (count > bytes.len - at.*) return error.Malformed;
    at.* += @intCast(count);
}

fn delimited(bytes: []const u8, at: *usize) Error![]const u8 {
    const size = try varint(bytes, at);
    const start = at.*;
    try advance(bytes, at, size);
    return bytes[start..at.*];
}

pub fn varint(bytes: []const u8, at: *usize) Error!u64 {
    var result: u128 = 0;
    for (0..limits.varint_size_max) |index| {
        if (at.* == bytes.len) return error.Malformed;
        const byte = bytes[at.*];
        at.* += 1;
        result |= @as(u128, byte & 0x7f) << @intCast(7 * index);
        if (byte & 0x80 == 0) return std.math.cast(u64, result) orelse error.Malformed;
    }
    return error.Malformed;
}

/// Whether two messages, or fields of them, are the same to the last byte.
pub fn same(comptime T: type, a: T, b: T) bool {
    if (T == wire.Strings or (comptime isList(T))) {
        if (a.len != b.len) return false;
        if (T == wire.Strings and (a[a.len] != null or b[b.len] != null)) return false;
        for (a, b) |left, right| if (!same(Element(T), left, right)) return false;
        return true;
    }
    if (T == ?[*:0]const u8) return std.mem.eql(u8, std.mem.span(a.?), std.mem.span(b.?));
    if (comptime isString(T)) return std.mem.eql(u8, a, b);
    switch (@typeInfo(T)) {
        .optional => |optional| {
            if (a == null or b == null) return a == null and b == null;
            return same(optional.child, a.?, b.?);
        },
        .@"struct" => |info| {
            inline for (info.fields) |field| {
                if (!same(field.type, @field(a, field.name), @field(b, field.name))) return false;
            }
            return true;
        },
        else => return a == b,
    }
}
