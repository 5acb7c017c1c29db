//! Protocol Buffers over plain structs, decoded into an arena and encoded into a buffer. A message is a struct whose
//! fields all have proto3's defaults and whose `numbers` gives each its field number.
//!
//! Field types: bool, u32, u64, an enum, `[:0]const u8` (string, or bytes without NULs), `[]u8` (bytes), another
//! message as `?Message`, any of these as optional, and lists: `[]const T` or, for the strings of execve(2), `Strings`.
//! A list field has its limit in `maxima`. Bytes are writable and have a NUL behind them, which is not counted; so have
//! empty ones where they are optional and present, but not where they are the default.
//!
//! One decoder and one encoder serve all messages, by tables that are made of the structs at compile time: with a
//! decoder for each, they would be most of the helper.
//!
//! Every refusal has a name of its own, which is what the client is told.
const std = @import("std");
const assert = std.debug.assert;
const limits = @import("limits.zig");

/// How deep messages lie inside the outermost one; decoder and encoder call themselves that often.
const nesting_max = 4;
/// Lists of one message.
const lists_max = 12;
const field_number_max = 127;

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

const WireType = enum(u3) { varint = 0, fixed64 = 1, bytes = 2, group_start = 3, group_end = 4, fixed32 = 5 };

const Tag = struct { number: u32, wire_type: WireType };

/// Where decoded strings and lists lie. `refused` names the list that was too long, after error.ListTooLong.
pub const Arena = struct {
    buffer: []u8,
    used: usize = 0,
    refused: ?struct { list: []const u8, limit: usize } = null,

    fn alloc(arena: *Arena, size: usize, alignment: usize) Error![*]u8 {
        const address = @intFromPtr(arena.buffer.ptr);
        const start = std.mem.alignForward(usize, address + arena.used, alignment) - address;
        if (start > arena.buffer.len or size > arena.buffer.len - start) return error.ArenaExhausted;
        arena.used = start + size;
        return arena.buffer.ptr + start;
    }

    fn copy(arena: *Arena, bytes: []const u8) Error![:0]u8 {
        const place = try arena.alloc(bytes.len + 1, 1);
        @memcpy(place[0..bytes.len], bytes);
        place[bytes.len] = 0;
        return place[0..bytes.len :0];
    }

    fn string(arena: *Arena, bytes: []const u8) Error![:0]const u8 {
        const copied = try arena.copy(bytes);
        if (std.mem.len(copied.ptr) != bytes.len) return error.NulInString;
        return copied;
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

    noinline fn varint(reader: *Reader) Error!u64 {
        // Nearly all tags and lengths are one byte.
        if (reader.left() > 0 and reader.bytes[reader.at] < 0x80) {
            defer reader.at += 1;
            return reader.bytes[reader.at];
        }
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
        const wire_type: u3 = @truncate(key);
        if (wire_type > @intFromEnum(WireType.fixed32)) return error.WireTypeUnknown;
        return .{ .number = @intCast(number), .wire_type = @enumFromInt(wire_type) };
    }

    /// Passes over a field that this helper does not know.
    fn skip(reader: *Reader, field_tag: Tag) Error!void {
        switch (field_tag.wire_type) {
            .varint => _ = try reader.varint(),
            .fixed64 => _ = reader.take(8) catch return error.Truncated,
            .fixed32 => _ = reader.take(4) catch return error.Truncated,
            .bytes => _ = try reader.take(try reader.varint()),
            .group_start => try reader.skipGroup(field_tag.number),
            .group_end => return error.GroupUnmatched,
        }
    }

    fn skipGroup(reader: *Reader, number: u32) Error!void {
        var open: [limits.group_depth_max]u32 = undefined;
        open[0] = number;
        var depth: usize = 1;
        while (depth > 0) {
            const next = try reader.tag() orelse return error.GroupUnmatched;
            switch (next.wire_type) {
                .group_start => {
                    if (depth == open.len) return error.GroupTooDeep;
                    open[depth] = next.number;
                    depth += 1;
                },
                .group_end => {
                    if (open[depth - 1] != next.number) return error.GroupUnmatched;
                    depth -= 1;
                },
                .varint, .fixed64, .fixed32, .bytes => try reader.skip(next),
            }
        }
    }
};

/// What a field, or an element of a list, holds.
const Kind = enum(u8) {
    boolean,
    uint32,
    uint64,
    enumeration,
    string,
    bytes,
    /// In `Strings`.
    c_string,
    message,

    fn of(comptime T: type) Kind {
        return switch (T) {
            bool => .boolean,
            u32 => .uint32,
            u64 => .uint64,
            [:0]const u8 => .string,
            []u8 => .bytes,
            ?[*:0]const u8 => .c_string,
            else => switch (@typeInfo(T)) {
                .@"enum" => .enumeration,
                .@"struct" => .message,
                else => @compileError("no wire form for " ++ @typeName(T)),
            },
        };
    }

    fn wireType(kind: Kind) WireType {
        return switch (kind) {
            .boolean, .uint32, .uint64, .enumeration => .varint,
            .string, .bytes, .c_string, .message => .bytes,
        };
    }
};

const Form = enum(u8) {
    /// Left out of the encoding where it is zero or empty.
    bare,
    optional,
    list,

    fn of(comptime T: type) Form {
        if (T == [:0]const u8 or T == []u8) return .bare;
        return switch (@typeInfo(T)) {
            .optional => .optional,
            .pointer => .list,
            else => .bare,
        };
    }
};

/// A field's type without being optional or a list.
fn Value(comptime T: type) type {
    return switch (Form.of(T)) {
        .bare => T,
        .optional => @typeInfo(T).optional.child,
        .list => @typeInfo(T).pointer.child,
    };
}

/// One field of a message. Small, for there are many.
const Field = struct {
    offset: u16,
    number: u8,
    kind: Kind,
    form: Form,
    /// Bit n: an enum has the value n.
    enum_known: u64,
    /// Among the table's optionals or lists.
    index: u8,
};

/// How to get at a field of type `?T`, whose layout only the compiler knows.
const Optional = struct {
    /// Makes it an empty value, and returns where that is.
    set: *const fn (place: [*]u8) [*]u8,
    get: *const fn (place: [*]const u8) ?[*]const u8,
    /// Of a message.
    table: ?*const Table,

    fn of(comptime T: type) *const Optional {
        const functions = struct {
            fn set(place: [*]u8) [*]u8 {
                const optional = as(?T, place);
                optional.* = emptyValue(T);
                return @ptrCast(&optional.*.?);
            }

            fn get(place: [*]const u8) ?[*]const u8 {
                return if (asConst(?T, place).*) |*value| @ptrCast(value) else null;
            }

            const all: Optional = .{ .set = set, .get = get, .table = Table.ofMessage(T) };
        };
        return &functions.all;
    }
};

/// How to get at a field that is a slice.
const List = struct {
    name: []const u8,
    limit: u32,
    element_size: u16,
    alignment: u8,
    set: *const fn (place: [*]u8, elements: [*]u8, count: usize) void,
    get: *const fn (place: [*]const u8) Elements,
    /// Of messages.
    table: ?*const Table,

    const Elements = struct { first: [*]const u8, count: usize };

    fn of(comptime T: type, comptime name: []const u8, comptime limit: u32) List {
        const Element = Value(T);
        const functions = struct {
            fn set(place: [*]u8, elements: [*]u8, count: usize) void {
                const first: [*]Element = @ptrCast(@alignCast(elements));
                if (T == Strings) first[count] = null;
                as(T, place).* = if (T == Strings) first[0..count :null] else first[0..count];
            }

            fn get(place: [*]const u8) Elements {
                const elements = asConst(T, place).*;
                return .{ .first = @ptrCast(elements.ptr), .count = elements.len };
            }
        };
        // Their size is computed in 32 bits on some machines.
        comptime assert((limit + 1) * @sizeOf(Element) < 1 << 31);
        return .{
            .name = name,
            .limit = limit,
            .element_size = @sizeOf(Element),
            .alignment = @alignOf(Element),
            .set = functions.set,
            .get = functions.get,
            .table = Table.ofMessage(Element),
        };
    }
};

/// A message type.
const Table = struct {
    fields: []const Field,
    /// By field number, one more than the index in `fields`; 0 for unknown ones.
    places: []const u8,
    optionals: []const *const Optional,
    lists: []const List,
    /// The memory of a message that is empty.
    empty: []const u8,

    fn of(comptime T: type) *const Table {
        const static = struct {
            const empty: T = .{};
            const table = make(T, std.mem.asBytes(&empty));
        };
        return &static.table;
    }

    fn ofMessage(comptime T: type) ?*const Table {
        return if (Kind.of(T) == .message) of(T) else null;
    }

    fn make(comptime T: type, comptime empty: []const u8) Table {
        comptime assert(nestingOf(T) <= nesting_max);
        const members = @typeInfo(T).@"struct".fields;
        comptime var fields: [members.len]Field = undefined;
        comptime var places: [field_number_max + 1]u8 = @splat(0);
        comptime var places_count = 0;
        comptime var optionals: []const *const Optional = &.{};
        comptime var lists: []const List = &.{};
        inline for (members, 0..) |member, at| {
            const V = Value(member.type);
            const form: Form = .of(member.type);
            const number = @field(T.numbers, member.name);
            // A message is optional or in a list.
            comptime assert(Kind.of(V) != .message or form != .bare);
            comptime assert(Kind.of(V) != .c_string or member.type == Strings);
            comptime assert(places[number] == 0);
            fields[at] = .{
                .offset = @offsetOf(T, member.name),
                .number = number,
                .kind = .of(V),
                .form = form,
                .enum_known = if (Kind.of(V) == .enumeration) enumKnown(V) else 0,
                .index = switch (form) {
                    .bare => 0,
                    .optional => optionals.len,
                    .list => lists.len,
                },
            };
            places[number] = at + 1;
            places_count = @max(places_count, number + 1);
            switch (form) {
                .bare => {},
                .optional => optionals = optionals ++ .{Optional.of(V)},
                .list => lists = lists ++ .{List.of(member.type, member.name, @field(T.maxima, member.name))},
            }
        }
        comptime assert(lists.len <= lists_max);
        const fields_made = fields;
        const places_made = places[0..places_count].*;
        return .{
            .fields = &fields_made,
            .places = &places_made,
            .optionals = optionals,
            .lists = lists,
            .empty = empty,
        };
    }

    fn find(table: *const Table, number: u32) ?*const Field {
        if (number >= table.places.len) return null;
        const place = table.places[number];
        return if (place == 0) null else &table.fields[place - 1];
    }
};

fn nestingOf(comptime T: type) usize {
    var deepest: usize = 0;
    for (@typeInfo(T).@"struct".fields) |member| {
        const V = Value(member.type);
        if (Kind.of(V) == .message) deepest = @max(deepest, 1 + nestingOf(V));
    }
    return deepest;
}

/// Bit n: there is a value n.
fn enumKnown(comptime T: type) u64 {
    const info = @typeInfo(T).@"enum";
    assert(info.tag_type == u8 and info.is_exhaustive);
    var known: u64 = 0;
    for (info.fields) |field| known |= 1 << field.value;
    return known;
}

fn emptyValue(comptime T: type) T {
    return switch (comptime Kind.of(T)) {
        .boolean => false,
        .uint32, .uint64 => 0,
        .enumeration => @enumFromInt(0),
        .string => "",
        .bytes => &.{},
        .message => .{},
        .c_string => comptime unreachable,
    };
}

fn as(comptime T: type, place: [*]u8) *T {
    return @ptrCast(@alignCast(place));
}

fn asConst(comptime T: type, place: [*]const u8) *const T {
    return @ptrCast(@alignCast(place));
}

/// What a message of type `T` takes of an arena at most, beyond `factor` times the bytes that it is encoded in.
pub fn arenaExcess(comptime T: type, comptime factor: usize) usize {
    var excess: usize = 0;
    for (@typeInfo(T).@"struct".fields) |member| {
        const V = Value(member.type);
        const kind: Kind = .of(V);
        const inside = if (kind == .message) arenaExcess(V, factor) else 0;
        if (Form.of(member.type) != .list) {
            // A string has the NUL more than its bytes, and a tag and a length before these.
            excess += inside;
            continue;
        }
        const nul: usize = @intFromBool(kind == .c_string);
        const element_size = @sizeOf(V) + inside + nul;
        // Scalars may be packed. Everything else has a tag, of two bytes from field 16 on, and a length.
        const tag_size = if (@field(T.numbers, member.name) < 16) 1 else 2;
        const encoded_size_min = if (kind.wireType() == .varint) 1 else tag_size + 1;
        excess += @field(T.maxima, member.name) * (element_size -| factor * encoded_size_min);
        // The list is aligned, and one of strings ends with a null.
        excess += @alignOf(V) - 1 + nul * @sizeOf(V);
    }
    return excess;
}

/// Where the next element of a list goes, and how many have no place yet.
const Cursor = struct { next: [*]u8, left: usize };

/// A message from `bytes`. What it refers to lies in `arena`; unknown fields are passed over.
pub fn decode(comptime T: type, bytes: []const u8, arena: *Arena) Error!T {
    var message: T = undefined;
    try decodeInto(T, &message, bytes, arena);
    return message;
}

/// The same for a message too large to be handed around.
pub fn decodeInto(comptime T: type, message: *T, bytes: []const u8, arena: *Arena) Error!void {
    message.* = .{};
    try readMessage(Table.of(T), @ptrCast(message), bytes, arena);
}

/// Into memory that holds an empty message.
fn readMessage(table: *const Table, message: [*]u8, bytes: []const u8, arena: *Arena) Error!void {
    var cursor_buffer: [lists_max]Cursor = undefined;
    const cursors = cursor_buffer[0..table.lists.len];
    if (cursors.len > 0) {
        try countLists(table, bytes, cursors);
        try allocateLists(table, message, cursors, arena);
    }
    var reader: Reader = .{ .bytes = bytes };
    while (try reader.tag()) |tag| {
        const field = table.find(tag.number) orelse {
            try reader.skip(tag);
            continue;
        };
        const place = message + field.offset;
        switch (field.form) {
            .bare => try readValue(field, null, place, &reader, tag, arena),
            .optional => {
                const optional = table.optionals[field.index];
                try readValue(field, optional.table, optional.set(place), &reader, tag, arena);
            },
            .list => try readElements(field, &table.lists[field.index], &cursors[field.index], &reader, tag, arena),
        }
    }
    for (cursors) |cursor| assert(cursor.left == 0);
}

fn countLists(table: *const Table, bytes: []const u8, cursors: []Cursor) Error!void {
    for (cursors) |*cursor| cursor.left = 0;
    var reader: Reader = .{ .bytes = bytes };
    while (try reader.tag()) |tag| {
        if (table.find(tag.number)) |field| {
            if (field.form == .list) {
                cursors[field.index].left += try countElements(field, &reader, tag);
                continue;
            }
        }
        try reader.skip(tag);
    }
}

/// How many elements the field at `reader` adds to a list: several where scalars are packed.
fn countElements(field: *const Field, reader: *Reader, tag: Tag) Error!usize {
    if (!isPacked(field, tag)) {
        try reader.skip(tag);
        return 1;
    }
    var packed_reader: Reader = .{ .bytes = try reader.take(try reader.varint()) };
    var count: usize = 0;
    while (packed_reader.left() > 0) : (count += 1) _ = try packed_reader.varint();
    return count;
}

fn isPacked(field: *const Field, tag: Tag) bool {
    return tag.wire_type == .bytes and field.kind.wireType() == .varint;
}

/// Lists get their memory, of the right size, before anything is read into them.
fn allocateLists(table: *const Table, message: [*]u8, cursors: []Cursor, arena: *Arena) Error!void {
    for (table.fields) |*field| {
        if (field.form != .list) continue;
        const cursor = &cursors[field.index];
        const list = &table.lists[field.index];
        if (cursor.left > list.limit) {
            arena.refused = .{ .list = list.name, .limit = list.limit };
            return error.ListTooLong;
        }
        // As it is, it is empty.
        if (cursor.left == 0) continue;
        const count = cursor.left + @intFromBool(field.kind == .c_string);
        cursor.next = try arena.alloc(count * list.element_size, list.alignment);
        list.set(message + field.offset, cursor.next, cursor.left);
    }
}

fn readElements(
    field: *const Field,
    list: *const List,
    cursor: *Cursor,
    reader: *Reader,
    tag: Tag,
    arena: *Arena,
) Error!void {
    if (isPacked(field, tag)) {
        var packed_reader: Reader = .{ .bytes = try reader.take(try reader.varint()) };
        while (packed_reader.left() > 0) try setScalar(field, advance(list, cursor), try packed_reader.varint());
        return;
    }
    const place = advance(list, cursor);
    if (list.table) |table| @memcpy(place, table.empty);
    try readValue(field, list.table, place, reader, tag, arena);
}

fn advance(list: *const List, cursor: *Cursor) [*]u8 {
    assert(cursor.left > 0);
    cursor.left -= 1;
    defer cursor.next += list.element_size;
    return cursor.next;
}

fn readValue(
    field: *const Field,
    table: ?*const Table,
    place: [*]u8,
    reader: *Reader,
    tag: Tag,
    arena: *Arena,
) Error!void {
    if (tag.wire_type != field.kind.wireType()) return error.WireTypeWrong;
    const number = try reader.varint();
    if (tag.wire_type == .varint) return setScalar(field, place, number);
    const bytes = try reader.take(number);
    switch (field.kind) {
        .string => as([:0]const u8, place).* = try arena.string(bytes),
        .bytes => as([]u8, place).* = try arena.copy(bytes),
        .c_string => as(?[*:0]const u8, place).* = (try arena.string(bytes)).ptr,
        .message => try readMessage(table.?, place, bytes, arena),
        .boolean, .uint32, .uint64, .enumeration => unreachable,
    }
}

fn setScalar(field: *const Field, place: [*]u8, value: u64) Error!void {
    switch (field.kind) {
        .boolean => as(bool, place).* = value != 0,
        .uint32 => as(u32, place).* = std.math.cast(u32, value) orelse return error.IntegerOutOfRange,
        .uint64 => as(u64, place).* = value,
        .enumeration => {
            if (value > 63 or field.enum_known >> @intCast(value) & 1 == 0) return error.EnumUnknown;
            place[0] = @intCast(value);
        },
        .string, .bytes, .c_string, .message => unreachable,
    }
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

/// The number in the field that a message inside of another begins with, where it is this one. What follows may be missing.
pub fn firstUint32(bytes: []const u8, message_number: u32, number: u32) ?u32 {
    var reader: Reader = .{ .bytes = bytes };
    const outer_tag = (reader.tag() catch return null) orelse return null;
    if (outer_tag.number != message_number or outer_tag.wire_type != .bytes) return null;
    _ = reader.varint() catch return null;
    const inner_tag = (reader.tag() catch return null) orelse return null;
    if (inner_tag.number != number or inner_tag.wire_type != .varint) return null;
    return std.math.cast(u32, reader.varint() catch return null);
}

/// Writes an `Outer` that has nothing but the field `name`, with its length before it, and returns what it took of
/// `buffer`. Lists of scalars go unpacked, which every decoder has to read as well.
pub fn encodeDelimited(
    comptime Outer: type,
    comptime name: []const u8,
    message: *const Value(@FieldType(Outer, name)),
    buffer: []u8,
) usize {
    const number = @field(Outer.numbers, name);
    return writeDelimited(number, Table.of(@TypeOf(message.*)), @ptrCast(message), buffer);
}

fn writeDelimited(number: u8, table: *const Table, message: [*]const u8, buffer: []u8) usize {
    const size = sizeOf(table, message);
    var field: Writer = .{ .buffer = null };
    field.tag(number, .bytes);
    field.varint(size);
    var writer: Writer = .{ .buffer = buffer };
    writer.varint(field.at + size);
    writer.tag(number, .bytes);
    writer.varint(size);
    const start = writer.at;
    writer.message(table, message);
    assert(writer.at == start + size);
    return writer.at;
}

fn sizeOf(table: *const Table, message: [*]const u8) usize {
    var writer: Writer = .{ .buffer = null };
    writer.message(table, message);
    return writer.at;
}

const Writer = struct {
    /// Null: the bytes are only counted.
    buffer: ?[]u8,
    at: usize = 0,

    noinline fn varint(writer: *Writer, value: u64) void {
        var rest = value;
        while (rest >= 0x80) : (rest >>= 7) writer.byte(@as(u8, @truncate(rest)) | 0x80);
        writer.byte(@intCast(rest));
    }

    fn tag(writer: *Writer, number: u8, wire_type: WireType) void {
        writer.varint(@as(u64, number) << 3 | @intFromEnum(wire_type));
    }

    fn byte(writer: *Writer, value: u8) void {
        if (writer.buffer) |buffer| buffer[writer.at] = value;
        writer.at += 1;
    }

    fn delimited(writer: *Writer, bytes: []const u8) void {
        writer.varint(bytes.len);
        if (writer.buffer) |buffer| @memcpy(buffer[writer.at..][0..bytes.len], bytes);
        writer.at += bytes.len;
    }

    fn message(writer: *Writer, table: *const Table, start: [*]const u8) void {
        for (table.fields) |*field| {
            const place = start + field.offset;
            switch (field.form) {
                .bare => if (!isDefault(field, place)) writer.element(field, null, place),
                .optional => {
                    const optional = table.optionals[field.index];
                    if (optional.get(place)) |present| writer.element(field, optional.table, present);
                },
                .list => {
                    const list = &table.lists[field.index];
                    const elements = list.get(place);
                    for (0..elements.count) |index| {
                        writer.element(field, list.table, elements.first + index * list.element_size);
                    }
                },
            }
        }
    }

    fn element(writer: *Writer, field: *const Field, table: ?*const Table, place: [*]const u8) void {
        writer.tag(field.number, field.kind.wireType());
        switch (field.kind) {
            .boolean, .uint32, .uint64, .enumeration => writer.varint(scalar(field, place)),
            .string, .bytes, .c_string => writer.delimited(stringOf(field, place)),
            .message => {
                const size = sizeOf(table.?, place);
                writer.varint(size);
                if (writer.buffer == null) writer.at += size else writer.message(table.?, place);
            },
        }
    }
};

/// A field without presence is left out where it has its type's zero.
fn isDefault(field: *const Field, place: [*]const u8) bool {
    return switch (field.kind.wireType()) {
        .varint => scalar(field, place) == 0,
        else => stringOf(field, place).len == 0,
    };
}

fn scalar(field: *const Field, place: [*]const u8) u64 {
    return switch (field.kind) {
        .boolean => @intFromBool(asConst(bool, place).*),
        .uint32 => asConst(u32, place).*,
        .uint64 => asConst(u64, place).*,
        .enumeration => place[0],
        .string, .bytes, .c_string, .message => unreachable,
    };
}

fn stringOf(field: *const Field, place: [*]const u8) []const u8 {
    return switch (field.kind) {
        .string => asConst([:0]const u8, place).*,
        .bytes => asConst([]u8, place).*,
        .c_string => std.mem.span(asConst(?[*:0]const u8, place).*.?),
        .boolean, .uint32, .uint64, .enumeration, .message => unreachable,
    };
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

const Envelope = struct {
    sample: ?Sample = null,

    pub const numbers = .{ .sample = 3 };
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
    const size = encodeDelimited(Envelope, "sample", &sample, &buffer);
    try testing.expectEqual(size - 1, buffer[0]);
    var arena_buffer: [1024]u8 = undefined;
    var arena: Arena = .{ .buffer = &arena_buffer };
    const back = (try decode(Envelope, buffer[1..size], &arena)).sample.?;
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

test "an arena of the size that is computed has room for the fullest message" {
    // Three elements of each list, in as few bytes as possible, and lists that start at an odd address.
    const bytes = "\x2a\x00" ++ "\x42\x00" ** 3 ++ "\x4a\x03\x00\x01\x00" ++ "\x52\x00" ** 3;
    inline for (.{ 0, 1 }) |factor| {
        var buffer: [256]u8 align(16) = undefined;
        var arena: Arena = .{ .buffer = buffer[1..][0 .. factor * bytes.len + comptime arenaExcess(Sample, factor)] };
        try testing.expectEqual(3, (try decode(Sample, bytes, &arena)).list.len);
    }
}

test "an arena that is too small is an error" {
    // Too small on every architecture: the list of three takes this, and the strings have to be somewhere.
    var buffer: [3 * @sizeOf(usize)]u8 = undefined;
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

test "the number that a message begins with is found, whatever is missing behind it" {
    try testing.expectEqual(5, firstUint32("\x12\x7f\x08\x05\x12", 2, 1));
    try testing.expectEqual(null, firstUint32("\x12\x7f\x10\x05\x08\x05", 2, 1));
    try testing.expectEqual(null, firstUint32("\x1a\x7f\x08\x05", 2, 1));
    try testing.expectEqual(null, firstUint32("\x12\x7f\x08", 2, 1));
    try testing.expectEqual(null, firstUint32("", 2, 1));
}
