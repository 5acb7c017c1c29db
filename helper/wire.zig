//! Protocol Buffers over plain structs, decoded into an arena and encoded into a buffer. A message is a struct whose
//! fields all have defaults and whose `numbers` gives each its field number.
//!
//! Field types: bool, u32, u64, an enum, `[:0]const u8` (string or bytes), another message as `?Message`, any of
//! these as optional, and lists: `[]const T` or, for the strings of execve(2), `Strings`. A list field has its limit in
//! `maxima`. Every refusal has a name of its own, which is what the client is told.
const std = @import("std");
const limits = @import("limits.zig");

pub const Error = error{
    Truncated,
    VarintTooLong,
    FieldNumberZero,
    FieldNumberTooLarge,
    WireTypeUnknown,
    WireTypeWrong,
    GroupUnmatched,
    GroupTooDeep,
    LengthPastEnd,
    IntegerOutOfRange,
    EnumUnknown,
    NulInString,
    ListTooLong,
    ArenaExhausted,
};

/// A list of NUL-terminated strings as execve(2) takes it.
pub const Strings = [:null]const ?[*:0]const u8;

const WireType = enum(u3) { varint = 0, fixed64 = 1, bytes = 2, group_start = 3, group_end = 4, fixed32 = 5, _ };

const Tag = struct { number: u32, wire_type: WireType };

/// Where decoded strings and lists lie. `refused` names the list that was too long, after error.ListTooLong.
pub const Arena = struct {
    buffer: []u8,
    used: usize = 0,
    refused: ?struct { list: []const u8, limit: usize } = null,

    fn alloc(arena: *Arena, comptime T: type, count: usize) Error![]T {
        const start = std.mem.alignForward(usize, @intFromPtr(arena.buffer.ptr) + arena.used, @alignOf(T)) -
            @intFromPtr(arena.buffer.ptr);
        const size = std.math.mul(usize, count, @sizeOf(T)) catch return error.ArenaExhausted;
        if (start > arena.buffer.len or size > arena.buffer.len - start) return error.ArenaExhausted;
        arena.used = start + size;
        const items: [*]T = @ptrCast(@alignCast(arena.buffer.ptr + start));
        return items[0..count];
    }

    fn string(arena: *Arena, bytes: []const u8) Error![:0]const u8 {
        if (std.mem.indexOfScalar(u8, bytes, 0) != null) return error.NulInString;
        const copy = try arena.alloc(u8, bytes.len + 1);
        @memcpy(copy[0..bytes.len], bytes);
        copy[bytes.len] = 0;
        return copy[0..bytes.len :0];
    }
};

/// A varint at the start of `bytes`, or null where it goes on past their end.
pub fn peekVarint(bytes: []const u8) error{VarintTooLong}!?struct { value: u64, size: usize } {
    var value: u64 = 0;
    for (bytes, 0..) |byte, at| {
        if (at == limits.varint_size_max) return error.VarintTooLong;
        // The tenth byte has room for one bit.
        if (at == limits.varint_size_max - 1 and byte > 1) return error.VarintTooLong;
        value |= @as(u64, byte & 0x7f) << @intCast(7 * at);
        if (byte < 0x80) return .{ .value = value, .size = at + 1 };
    }
    return null;
}

const Reader = struct {
    bytes: []const u8,
    at: usize = 0,

    fn left(reader: *const Reader) usize {
        return reader.bytes.len - reader.at;
    }

    fn varint(reader: *Reader) Error!u64 {
        const found = try peekVarint(reader.bytes[reader.at..]) orelse return error.Truncated;
        reader.at += found.size;
        return found.value;
    }

    fn take(reader: *Reader, count: u64) Error![]const u8 {
        if (count > reader.left()) return error.LengthPastEnd;
        const start = reader.at;
        reader.at += @intCast(count);
        return reader.bytes[start..reader.at];
    }

    fn tag(reader: *Reader) Error!?Tag {
        if (reader.left() == 0) return null;
        const key = try reader.varint();
        const number = key >> 3;
        if (number == 0) return error.FieldNumberZero;
        if (number > std.math.maxInt(u29)) return error.FieldNumberTooLarge;
        const wire_type: WireType = @enumFromInt(@as(u3, @truncate(key)));
        if (std.enums.tagName(WireType, wire_type) == null) return error.WireTypeUnknown;
        return .{ .number = @intCast(number), .wire_type = wire_type };
    }

    /// Passes over a field that this helper does not know.
    fn skip(reader: *Reader, first: Tag) Error!void {
        var open: [limits.group_depth_max]u32 = undefined;
        var depth: usize = 0;
        var current = first;
        while (true) {
            switch (current.wire_type) {
                .varint => _ = try reader.varint(),
                .fixed64 => _ = reader.take(8) catch return error.Truncated,
                .fixed32 => _ = reader.take(4) catch return error.Truncated,
                .bytes => _ = try reader.take(try reader.varint()),
                .group_start => {
                    if (depth == open.len) return error.GroupTooDeep;
                    open[depth] = current.number;
                    depth += 1;
                },
                .group_end => {
                    if (depth == 0 or open[depth - 1] != current.number) return error.GroupUnmatched;
                    depth -= 1;
                },
                _ => return error.WireTypeUnknown,
            }
            if (depth == 0) return;
            current = try reader.tag() orelse return error.GroupUnmatched;
        }
    }
};

const Kind = enum { scalar, string, message, list, strings };

fn Inner(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .optional => |optional| optional.child,
        else => T,
    };
}

fn kindOf(comptime T: type) Kind {
    if (T == [:0]const u8) return .string;
    if (T == Strings) return .strings;
    return switch (@typeInfo(T)) {
        .bool, .int, .@"enum" => .scalar,
        .@"struct" => .message,
        .pointer => .list,
        else => @compileError("no wire form for " ++ @typeName(T)),
    };
}

fn Element(comptime T: type) type {
    return switch (kindOf(T)) {
        .list => @typeInfo(T).pointer.child,
        .strings => [:0]const u8,
        else => T,
    };
}

fn isList(comptime T: type) bool {
    return switch (kindOf(Inner(T))) {
        .list, .strings => true,
        else => false,
    };
}

fn scalar(comptime T: type, value: u64) Error!T {
    switch (@typeInfo(T)) {
        .bool => return value != 0,
        .int => return std.math.cast(T, value) orelse error.IntegerOutOfRange,
        .@"enum" => return std.enums.fromInt(T, value) orelse error.EnumUnknown,
        else => comptime unreachable,
    }
}

fn readElement(comptime T: type, reader: *Reader, wire_type: WireType, arena: *Arena) Error!T {
    switch (comptime kindOf(T)) {
        .scalar => {
            if (wire_type != .varint) return error.WireTypeWrong;
            return scalar(T, try reader.varint());
        },
        .string => {
            if (wire_type != .bytes) return error.WireTypeWrong;
            return arena.string(try reader.take(try reader.varint()));
        },
        .message => {
            if (wire_type != .bytes) return error.WireTypeWrong;
            return decode(T, try reader.take(try reader.varint()), arena);
        },
        .list, .strings => comptime unreachable,
    }
}

/// How many elements the field at `reader` adds to a list: several where scalars are packed.
fn countElements(comptime T: type, reader: *Reader, field_tag: Tag) Error!usize {
    if (comptime kindOf(T) == .scalar) {
        if (field_tag.wire_type == .bytes) {
            var packed_reader: Reader = .{ .bytes = try reader.take(try reader.varint()) };
            var count: usize = 0;
            while (packed_reader.left() > 0) : (count += 1) _ = try packed_reader.varint();
            return count;
        }
    }
    try reader.skip(field_tag);
    return 1;
}

/// Lists get their memory, of the right size, before anything is read into them.
fn allocateLists(comptime T: type, message: *T, bytes: []const u8, arena: *Arena) Error!void {
    inline for (@typeInfo(T).@"struct".fields) |field| {
        if (comptime isList(field.type)) {
            const number = @field(T.numbers, field.name);
            var reader: Reader = .{ .bytes = bytes };
            var count: usize = 0;
            while (try reader.tag()) |field_tag| {
                if (field_tag.number == number) {
                    count += try countElements(Element(field.type), &reader, field_tag);
                } else try reader.skip(field_tag);
            }
            const limit = @field(T.maxima, field.name);
            if (count > limit) {
                arena.refused = .{ .list = field.name, .limit = limit };
                return error.ListTooLong;
            }
            if (comptime kindOf(field.type) == .strings) {
                const strings = try arena.alloc(?[*:0]const u8, count + 1);
                strings[count] = null;
                @field(message, field.name) = strings[0..count :null];
            } else @field(message, field.name) = try arena.alloc(Element(field.type), count);
        }
    }
}

/// A message from `bytes`. What it refers to lies in `arena`; unknown fields are passed over.
pub fn decode(comptime T: type, bytes: []const u8, arena: *Arena) Error!T {
    var message: T = .{};
    try allocateLists(T, &message, bytes, arena);
    var filled: [@typeInfo(T).@"struct".fields.len]usize = @splat(0);
    var reader: Reader = .{ .bytes = bytes };
    next: while (try reader.tag()) |field_tag| {
        inline for (@typeInfo(T).@"struct".fields, 0..) |field, index| {
            if (field_tag.number == @field(T.numbers, field.name)) {
                if (comptime isList(field.type)) {
                    const list = @constCast(@field(message, field.name));
                    filled[index] += try readList(field.type, list, filled[index], &reader, field_tag, arena);
                } else {
                    @field(message, field.name) =
                        try readElement(Inner(field.type), &reader, field_tag.wire_type, arena);
                }
                continue :next;
            }
        }
        try reader.skip(field_tag);
    }
    return message;
}

fn readList(
    comptime T: type,
    list: anytype,
    start: usize,
    reader: *Reader,
    field_tag: Tag,
    arena: *Arena,
) Error!usize {
    const E = Element(T);
    if (comptime kindOf(E) == .scalar) {
        if (field_tag.wire_type == .bytes) {
            var packed_reader: Reader = .{ .bytes = try reader.take(try reader.varint()) };
            var count: usize = 0;
            while (packed_reader.left() > 0) : (count += 1) {
                list[start + count] = try scalar(E, try packed_reader.varint());
            }
            return count;
        }
    }
    list[start] = try readElement(E, reader, field_tag.wire_type, arena);
    return 1;
}

/// The last value of one uint32 field in a message inside a message, for one that was refused as a whole.
pub fn findUint32(bytes: []const u8, message_number: u32, number: u32) ?u32 {
    var found: ?u32 = null;
    var outer: Reader = .{ .bytes = bytes };
    while (outer.tag() catch return null) |outer_tag| {
        if (outer_tag.number != message_number or outer_tag.wire_type != .bytes) {
            outer.skip(outer_tag) catch return null;
            continue;
        }
        const size = outer.varint() catch return null;
        var inner: Reader = .{ .bytes = outer.take(size) catch return null };
        while (inner.tag() catch return null) |inner_tag| {
            if (inner_tag.number == number and inner_tag.wire_type == .varint) {
                found = std.math.cast(u32, inner.varint() catch return null);
            } else inner.skip(inner_tag) catch return null;
        }
    }
    return found;
}

fn varintSize(value: u64) usize {
    return (@as(usize, 64 - @clz(value | 1)) + 6) / 7;
}

fn tagSize(number: u32) usize {
    return varintSize(@as(u64, number) << 3);
}

fn scalarValue(value: anytype) u64 {
    return switch (@typeInfo(@TypeOf(value))) {
        .bool => @intFromBool(value),
        .int => value,
        .@"enum" => @intFromEnum(value),
        else => comptime unreachable,
    };
}

fn elementSize(number: u32, value: anytype) usize {
    switch (comptime kindOf(@TypeOf(value))) {
        .scalar => return tagSize(number) + varintSize(scalarValue(value)),
        .string => return tagSize(number) + varintSize(value.len) + value.len,
        .message => {
            const size = encodedSize(value);
            return tagSize(number) + varintSize(size) + size;
        },
        .list, .strings => comptime unreachable,
    }
}

/// A field without presence is left out where it has its type's zero.
fn isDefault(value: anytype) bool {
    return switch (comptime kindOf(@TypeOf(value))) {
        .scalar => scalarValue(value) == 0,
        .string => value.len == 0,
        .message => false,
        .list, .strings => comptime unreachable,
    };
}

/// The bytes that `encode` writes for it.
pub fn encodedSize(message: anytype) usize {
    const T = @TypeOf(message);
    var size: usize = 0;
    inline for (@typeInfo(T).@"struct".fields) |field| {
        const number = @field(T.numbers, field.name);
        const value = @field(message, field.name);
        if (@typeInfo(field.type) == .optional) {
            if (value) |present| size += elementSize(number, present);
        } else if (comptime kindOf(field.type) == .list) {
            for (value) |element| size += elementSize(number, element);
        } else if (comptime kindOf(field.type) == .strings) {
            for (value) |element| size += elementSize(number, std.mem.span(element.?));
        } else if (!isDefault(value)) size += elementSize(number, value);
    }
    return size;
}

const Writer = struct {
    buffer: []u8,
    at: usize = 0,

    fn varint(writer: *Writer, value: u64) void {
        var rest = value;
        while (rest >= 0x80) : (rest >>= 7) {
            writer.buffer[writer.at] = @as(u8, @truncate(rest)) | 0x80;
            writer.at += 1;
        }
        writer.buffer[writer.at] = @intCast(rest);
        writer.at += 1;
    }

    fn tag(writer: *Writer, number: u32, wire_type: WireType) void {
        writer.varint(@as(u64, number) << 3 | @intFromEnum(wire_type));
    }

    fn element(writer: *Writer, number: u32, value: anytype) void {
        switch (comptime kindOf(@TypeOf(value))) {
            .scalar => {
                writer.tag(number, .varint);
                writer.varint(scalarValue(value));
            },
            .string => {
                writer.tag(number, .bytes);
                writer.varint(value.len);
                @memcpy(writer.buffer[writer.at..][0..value.len], value);
                writer.at += value.len;
            },
            .message => {
                writer.tag(number, .bytes);
                writer.varint(encodedSize(value));
                writer.message(value);
            },
            .list, .strings => comptime unreachable,
        }
    }

    fn message(writer: *Writer, value: anytype) void {
        const T = @TypeOf(value);
        inline for (@typeInfo(T).@"struct".fields) |field| {
            const number = @field(T.numbers, field.name);
            const member = @field(value, field.name);
            if (@typeInfo(field.type) == .optional) {
                if (member) |present| writer.element(number, present);
            } else if (comptime kindOf(field.type) == .list) {
                for (member) |item| writer.element(number, item);
            } else if (comptime kindOf(field.type) == .strings) {
                for (member) |item| writer.element(number, std.mem.span(item.?));
            } else if (!isDefault(member)) writer.element(number, member);
        }
    }
};

/// Writes `message` with its length before it, and returns what it took of `buffer`. Lists of scalars go unpacked,
/// which every decoder has to read as well.
pub fn encodeDelimited(message: anytype, buffer: []u8) usize {
    const size = encodedSize(message);
    std.debug.assert(varintSize(size) + size <= buffer.len);
    var writer: Writer = .{ .buffer = buffer };
    writer.varint(size);
    writer.message(message);
    std.debug.assert(writer.at == varintSize(size) + size);
    return writer.at;
}

const testing = std.testing;

const Inside = struct {
    number: u32 = 0,

    pub const numbers = .{ .number = 1 };
};

const Color = enum(u8) { none = 0, red = 1 };

const Sample = struct {
    number: u32 = 0,
    large: u64 = 0,
    flag: bool = false,
    color: Color = .none,
    text: [:0]const u8 = "",
    present: ?u32 = null,
    inside: ?Inside = null,
    strings: Strings = &.{},
    colors: []const Color = &.{},
    list: []const Inside = &.{},

    pub const numbers = .{
        .number = 1,
        .large = 2,
        .flag = 3,
        .color = 4,
        .text = 5,
        .present = 6,
        .inside = 7,
        .strings = 8,
        .colors = 9,
        .list = 10,
    };
    pub const maxima = .{ .strings = 3, .colors = 3, .list = 3 };
};

fn decodeSample(bytes: []const u8) Error!Sample {
    const static = struct {
        var buffer: [1024]u8 = undefined;
    };
    var arena: Arena = .{ .buffer = &static.buffer };
    return decode(Sample, bytes, &arena);
}

test "what is encoded is decoded to the same" {
    const strings = [_:null]?[*:0]const u8{ "a", "", "ccc" };
    const sample: Sample = .{
        .number = std.math.maxInt(u32),
        .large = std.math.maxInt(u64),
        .flag = true,
        .color = .red,
        .text = "text",
        .present = 0,
        .inside = .{ .number = 300 },
        .strings = &strings,
        .colors = &.{ .red, .none },
        .list = &.{ .{}, .{ .number = 1 } },
    };
    var buffer: [256]u8 = undefined;
    const size = encodeDelimited(sample, &buffer);
    try testing.expectEqual(size - 1, buffer[0]);
    const back = try decodeSample(buffer[1..size]);
    try testing.expectEqual(sample.number, back.number);
    try testing.expectEqual(sample.large, back.large);
    try testing.expect(back.flag);
    try testing.expectEqual(Color.red, back.color);
    try testing.expectEqualStrings("text", back.text);
    try testing.expectEqual(0, back.present);
    try testing.expectEqual(300, back.inside.?.number);
    try testing.expectEqual(3, back.strings.len);
    try testing.expectEqualStrings("ccc", std.mem.span(back.strings[2].?));
    try testing.expectEqual(null, back.strings.ptr[3]);
    try testing.expectEqualSlices(Color, sample.colors, back.colors);
    try testing.expectEqual(1, back.list[1].number);
}

test "packed and unpacked lists are read alike, and the last of several values counts" {
    try testing.expectEqualSlices(Color, &.{ .red, .none, .red }, (try decodeSample("\x4a\x02\x01\x00\x48\x01")).colors);
    try testing.expectEqual(2, (try decodeSample("\x08\x01\x08\x02")).number);
}

test "unknown fields of every kind are passed over" {
    const unknown = "\xa0\x06\x05" ++ "\xa1\x0612345678" ++ "\xa2\x06\x02ab" ++ "\xa5\x061234" ++ "\xa3\x06\xab\x06\x08\x01\xac\x06\xa4\x06";
    try testing.expectEqual(7, (try decodeSample(unknown ++ "\x08\x07")).number);
}

test "refusals, each by its name" {
    const cases = .{
        .{ error.Truncated, "\x08" },
        .{ error.Truncated, "\x08\x80" },
        .{ error.Truncated, "\xa1\x061234567" },
        .{ error.Truncated, "\xa5\x06123" },
        .{ error.VarintTooLong, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" },
        .{ error.VarintTooLong, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02" },
        .{ error.FieldNumberZero, "\x00\x01" },
        .{ error.FieldNumberTooLarge, "\x80\x80\x80\x80\x10\x01" },
        .{ error.WireTypeUnknown, "\x0e" },
        .{ error.WireTypeUnknown, "\x0f" },
        .{ error.WireTypeWrong, "\x0d1234" },
        .{ error.WireTypeWrong, "\x28\x01" },
        .{ error.WireTypeWrong, "\x38\x01" },
        .{ error.GroupUnmatched, "\xa3\x06\x08\x01" },
        .{ error.GroupUnmatched, "\xa3\x06\xac\x06" },
        .{ error.GroupUnmatched, "\xa4\x06" },
        .{ error.GroupTooDeep, "\xa3\x06" ** 9 },
        .{ error.LengthPastEnd, "\x2a\x05abcd" },
        .{ error.LengthPastEnd, "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" },
        // A field inside that goes past its message, though not past the whole.
        .{ error.Truncated, "\x3a\x01\x08\x08\x01" },
        .{ error.IntegerOutOfRange, "\x08\x80\x80\x80\x80\x10" },
        .{ error.EnumUnknown, "\x20\x02" },
        .{ error.EnumUnknown, "\x4a\x01\x02" },
        .{ error.NulInString, "\x2a\x03a\x00b" },
        .{ error.ListTooLong, "\x42\x00" ** 4 },
        .{ error.ListTooLong, "\x4a\x04\x00\x00\x00\x00" },
    };
    inline for (cases) |case| try testing.expectError(case[0], decodeSample(case[1]));
}

test "an arena that is too small is an error" {
    var buffer: [24]u8 = undefined;
    var arena: Arena = .{ .buffer = &buffer };
    try testing.expectError(error.ArenaExhausted, decode(Sample, "\x42\x01a\x42\x01b\x42\x01c", &arena));
}

test "random bytes never do more than be refused" {
    var random_state: std.Random.DefaultPrng = .init(1);
    const random = random_state.random();
    for (0..100_000) |_| {
        var bytes: [48]u8 = undefined;
        const size = random.uintAtMost(usize, bytes.len);
        random.bytes(bytes[0..size]);
        // Small numbers come to known fields more often.
        for (bytes[0..size]) |*byte| if (random.boolean()) {
            byte.* &= 0x57;
        };
        _ = decodeSample(bytes[0..size]) catch {};
    }
}

test "a number is found in a message that was refused" {
    try testing.expectEqual(5, findUint32("\x12\x02\x08\x05", 2, 1));
    try testing.expectEqual(null, findUint32("\x12\x02\x10\x05", 2, 1));
    try testing.expectEqual(null, findUint32("\x12\x09\x08\x05", 2, 1));
}
